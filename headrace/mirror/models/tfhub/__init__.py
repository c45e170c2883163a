"""TF-Hub's protocol: models as archives, by handles such as https://HOST/PUBLISHER/NAME/VERSION."""

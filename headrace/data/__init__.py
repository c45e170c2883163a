"""Reading and writing of training data: TFRecord files, tf.Example, Fashion-MNIST."""

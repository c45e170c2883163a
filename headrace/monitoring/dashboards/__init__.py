"""The dashboards: one file each, one declaration a panel."""

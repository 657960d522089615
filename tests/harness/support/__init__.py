"""The support application: fakes, and the data it is measured on."""

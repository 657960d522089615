"""What tests of several folders use: the platform, brokers and databases, fakes and made data."""

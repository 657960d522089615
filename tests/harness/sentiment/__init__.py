"""The sentiment application: fakes and made news."""

"""The recommendation application: fakes and made events."""

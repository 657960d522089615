"""Ray, Ray Serve and HAProxy on this machine, and each patch of their private parts."""

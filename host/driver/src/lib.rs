//! Links, devices and sessions: runs compiled models on hardware.

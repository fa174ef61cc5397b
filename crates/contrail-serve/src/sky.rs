//! The OpenSky-shaped server of `contrail sky`.

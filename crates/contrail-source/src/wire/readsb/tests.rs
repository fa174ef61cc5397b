//! Cases for `aircraft.json`, made up after what real receivers write.

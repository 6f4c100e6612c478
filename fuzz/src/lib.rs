//! The bodies of the fuzz targets. They are a module of libtom's tests too, which replay the corpora.

pub mod bodies;

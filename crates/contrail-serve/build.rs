//! Builds the crate again when the UI's files change, so that the binary holds the latest.

fn main() {
    let dist = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/dist");
    // Cargo takes a missing folder for one that always changes; an empty one it can watch.
    if let Err(error) = std::fs::create_dir_all(&dist) {
        println!("cargo:warning=the UI's folder {} cannot be made: {error}", dist.display());
    }
    println!("cargo:rerun-if-changed=../../web/dist");
    println!("cargo:rerun-if-changed=build.rs");
}

//! Lets the binary and its tests find libduckdb beside the binary, else in the checkout's set-up folder.

fn main() {
    let checkout = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.contrail/duckdb");
    let origin = if cfg!(target_os = "macos") { "@loader_path" } else { "$ORIGIN" };
    for path in [origin, checkout] {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{path}");
    }
    println!("cargo:rerun-if-changed=build.rs");
}

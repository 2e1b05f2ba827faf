//! Makes a placeholder if the page has not been built, so that the binary builds without Node.

use std::path::Path;
use std::{fs, io};

const PLACEHOLDER: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>MoocFlix</title>\
<h1>The page is not built</h1><p>Build it with <code>npm ci &amp;&amp; npm run build</code> in <code>web/page</code>, \
or start MoocFlix with <code>./run</code>.</p></html>\n";

fn main() -> io::Result<()> {
    let dist = Path::new("page/dist");
    let index = dist.join("index.html");
    if !index.exists() {
        fs::create_dir_all(dist)?;
        fs::write(&index, PLACEHOLDER)?;
    }
    // A macro embeds the files; on its own it would not notice new ones.
    println!("cargo::rerun-if-changed=page/dist");
    Ok(())
}

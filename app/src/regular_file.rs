//! Opens files, and nothing that would have to be waited for.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

/// Opens a file to read it, and tells how many bytes it has.
///
/// # Errors
/// Half a sentence: opening a pipe would wait for whoever writes into it, and a device may have no end.
pub fn open(path: &Path) -> Result<(File, u64), String> {
    let why = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "you are not allowed to read it".to_owned(),
        _ => error.to_string(),
    };
    let about = fs::metadata(path).map_err(why)?;
    if about.is_dir() {
        return Err("this is a folder".to_owned());
    }
    if !about.is_file() {
        return Err("this is a pipe or a device, not a file".to_owned());
    }
    Ok((File::open(path).map_err(why)?, about.len()))
}

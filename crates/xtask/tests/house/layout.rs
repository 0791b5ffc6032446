//! Files are short, and their names say what is in them.

use crate::tree;

const LONGEST: usize = 600;
const GRAB_BAGS: &[&str] = &["util", "utils", "helper", "helpers", "common", "misc"];

#[test]
fn source_files_are_short() {
    let broken: Vec<_> = tree::files()
        .into_iter()
        .filter(|path| tree::has_extension(path, &["rs", "py", "sh"]))
        .filter(|path| !path.split('/').any(|folder| folder == "tests"))
        .filter_map(|path| {
            let lines = tree::text(&path)?.lines().count();
            (lines > LONGEST).then(|| {
                format!("{path}: {lines} lines, {LONGEST} at most; give a section its own module")
            })
        })
        .collect();
    tree::assert_none(&broken);
}

#[test]
fn file_names_say_what_is_inside() {
    let broken: Vec<_> = tree::files()
        .into_iter()
        .filter(|path| tree::has_extension(path, &["rs", "py"]))
        .filter(|path| {
            let name = path.rsplit('/').next().unwrap_or(path);
            let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
            GRAB_BAGS
                .iter()
                .any(|bag| stem == *bag || stem.ends_with(&format!("_{bag}")))
        })
        .map(|path| format!("{path}: a grab bag; name the file after its idea"))
        .collect();
    tree::assert_none(&broken);
}

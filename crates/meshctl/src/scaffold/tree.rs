//! Files below one folder, before they are anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Texts by path; paths are relative and have slashes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    files: BTreeMap<String, String>,
    private: BTreeSet<String>,
}

/// A folder or a file of a picture.
#[derive(Default)]
struct Node<'a> {
    children: BTreeMap<&'a str, Node<'a>>,
}

impl Tree {
    pub(crate) fn add(&mut self, path: impl Into<String>, text: impl Into<String>) {
        self.files.insert(path.into(), text.into());
    }

    /// Adds a file that is its owner's alone.
    pub(crate) fn add_private(&mut self, path: impl Into<String>, text: impl Into<String>) {
        let path = path.into();
        self.private.insert(path.clone());
        self.add(path, text);
    }

    /// Whether a file is its owner's alone.
    pub(super) fn is_private(&self, path: &str) -> bool {
        self.private.contains(path)
    }

    /// Path and text, by path.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// A picture of the files below `root`.
    pub(crate) fn picture(&self, root: &str) -> String {
        let mut top = Node::default();
        for path in self.files.keys() {
            let mut node = &mut top;
            for part in path.split('/') {
                node = node.children.entry(part).or_default();
            }
        }
        let mut picture = format!("{root}/\n");
        draw(&top, "", &mut picture);
        picture
    }
}

fn draw(node: &Node<'_>, before: &str, picture: &mut String) {
    let last = node.children.len().saturating_sub(1);
    for (at, (name, child)) in node.children.iter().enumerate() {
        let (branch, below) = if at == last {
            ("└── ", "    ")
        } else {
            ("├── ", "│   ")
        };
        let slash = if child.children.is_empty() { "" } else { "/" };
        // Writing to a text cannot fail.
        let _ = writeln!(picture, "{before}{branch}{name}{slash}");
        draw(child, &format!("{before}{below}"), picture);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_branches() {
        let mut tree = Tree::default();
        for path in ["main.py", "src/main/App.java", "src/main/x/y", "README.md"] {
            tree.add(path, "");
        }
        insta::assert_snapshot!(tree.picture("a"), @r"
        a/
        ├── README.md
        ├── main.py
        └── src/
            └── main/
                ├── App.java
                └── x/
                    └── y
        ");
    }
}

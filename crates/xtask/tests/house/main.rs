//! House rules that no compiler knows. Each failure names the file and the cure.

mod layout;
mod links;
mod manifests;
mod pages;
mod platforms;
mod readme;
mod silence;
mod tree;
mod words;
mod workflows;

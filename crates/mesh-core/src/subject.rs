//! How the name in a certificate is written.

/// The name in a certificate as people and earlier releases write it: `CN=Acme CA,O=acme`. Of a name that
/// has neither, all of it, the most telling part first.
///
/// `attributes` are its parts in the order of the certificate, each as its short name and its value.
#[must_use]
pub fn subject<'a>(attributes: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let attributes: Vec<_> = attributes.into_iter().collect();
    let of = |wanted| {
        let parts = attributes.iter();
        parts.filter(move |(name, _)| *name == wanted)
    };
    // A name has one of these, whatever was put into it.
    let common = of("CN").next_back();
    let mut parts: Vec<_> = common.into_iter().chain(of("O")).collect();
    if parts.is_empty() {
        parts = attributes.iter().rev().collect();
    }
    let parts: Vec<String> = parts
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_the_published_programs_write_them() {
        let whole = [
            ("C", "SE"),
            ("L", "Lund"),
            ("O", "acme"),
            ("OU", "mesh"),
            ("CN", "Acme CA"),
        ];
        assert_eq!(subject(whole), "CN=Acme CA,O=acme");
        assert_eq!(
            subject([("O", "one"), ("O", "two"), ("CN", "x")]),
            "CN=x,O=one,O=two"
        );
        assert_eq!(subject([("O", "acme")]), "O=acme");
        assert_eq!(subject([("C", "SE"), ("OU", "mesh")]), "OU=mesh,C=SE");
        assert_eq!(subject([]), "");
    }
}

//! Lists of migrations, as sqlx runs them.
//!
//! `sqlx::migrate!` would read the folders by itself, but its crate compiles the drivers once more for the
//! compiler.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Version, description and SQL of one migration.
pub(crate) type Script = (i64, &'static str, &'static str);

pub(crate) fn migrator(scripts: &[Script]) -> Migrator {
    let migrations = scripts
        .iter()
        .map(|&(version, description, sql)| {
            let kind = MigrationType::Simple;
            Migration::new(version, description.into(), kind, sql.into_sql_str(), false)
        })
        .collect();
    Migrator::with_migrations(migrations)
}

/// The newest version that this release knows.
pub(crate) fn newest(scripts: &[Script]) -> i64 {
    scripts
        .iter()
        .map(|&(version, ..)| version)
        .max()
        .unwrap_or_default()
}

/// The newest of `applied` that this release does not know.
pub(crate) fn unknown(scripts: &[Script], applied: &[i64]) -> Option<i64> {
    let known = |version: &i64| scripts.iter().any(|script| script.0 == *version);
    applied
        .iter()
        .filter(|version| !known(version))
        .max()
        .copied()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;
    use std::path::Path;

    use super::Script;

    /// A migration that nobody lists would never run.
    pub(crate) fn assert_complete(folder: &str, scripts: &[Script]) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let mut files: Vec<(String, String)> = fs::read_dir(folder)
            .expect("the folder of the migrations")
            .map(|entry| entry.expect("a file").path())
            .map(|path| {
                let name = path.file_name().expect("a name").to_string_lossy();
                let sql = fs::read_to_string(&path).expect("SQL");
                (name.into_owned(), sql)
            })
            .collect();
        files.sort();
        let listed: Vec<(String, String)> = scripts
            .iter()
            .map(|(version, name, sql)| (format!("{version:04}_{name}.sql"), (*sql).to_owned()))
            .collect();
        assert_eq!(files, listed);
    }
}

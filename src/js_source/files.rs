//! The files behind the code: read where they still are, with their source maps and packages.
//!
//! A snapshot names files; nothing of it is believed beyond that. [`ReadableFiles`] says which may be opened, and what
//! is missing makes the answer poorer, never an error.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::js_source::adding::adding_function;
use crate::js_source::declarations::{Declaration, Declarations};
use crate::js_source::given::{Given, given};
use crate::js_source::readable::ReadableFiles;
use crate::js_source::registration::registration;
use crate::js_source::source_map::{SourceMap, base64};

/// A place in a file, as a person would look it up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// An absolute path, or what V8 calls the script (`node:events`).
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1, in UTF-16 units.
    pub column: u32,
}

impl Place {
    /// From a position that begins at 0; a damaged file may give any number.
    fn new(file: String, line: u32, column: u32) -> Self {
        Place { file, line: line.saturating_add(1), column: column.saturating_add(1) }
    }
}

/// A declaration that was found.
#[derive(Debug, Clone)]
pub struct Declared {
    pub place: Place,
    /// What the source map says that it was called.
    pub name: Option<String>,
    /// Only another name for something declared elsewhere.
    pub alias: bool,
}

/// The package that a file belongs to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Package {
    /// As `package.json` has it, or the folder in node_modules.
    pub name: String,
    /// Where package.json is there to tell.
    pub version: Option<String>,
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.version.iter().try_for_each(|version| write!(f, "@{version}"))
    }
}

/// Files that were read, kept for the time of one analysis.
#[derive(Default)]
pub struct Sources {
    readable: Arc<ReadableFiles>,
    files: RefCell<FxHashMap<String, Option<Rc<File>>>>,
}

struct File {
    text: String,
    /// The byte at which each line begins.
    lines: Vec<usize>,
    map: Option<(SourceMap, Folders)>,
    declarations: Declarations,
}

/// What the sources of a map are relative to.
struct Folders {
    /// The folder of the map.
    map: PathBuf,
    /// The folder of the project, for the sources of a bundler that names them relative to it.
    project: Option<PathBuf>,
}

impl Sources {
    /// Of the files that may be opened.
    pub fn new(readable: Arc<ReadableFiles>) -> Self {
        Self { readable, ..Self::default() }
    }

    /// The place of a 0-based position of V8's, through the file's source map.
    pub fn place(&self, script: &str, line: u32, column: u32) -> Place {
        let file = path_of(script);
        let source = self.file(&file);
        let mapped = source.and_then(|source| source.original(line, column)?.0);
        mapped.unwrap_or_else(|| Place::new(file, line, column))
    }

    /// Where the variable that is visible at a 0-based position is declared.
    pub fn variable(&self, script: &str, name: &str, near: (u32, u32)) -> Option<Declared> {
        let file = path_of(script);
        let source = self.file(&file)?;
        let near = source.byte(near.0, near.1)?;
        Some(source.declared(&file, source.declarations.variable(&source.text, name, near)?))
    }

    /// The text from the value on that the variable which is visible at a 0-based position is declared with.
    pub fn initial(&self, script: &str, name: &str, near: (u32, u32)) -> Option<String> {
        const SHOWN: usize = 16;
        let source = self.file(&path_of(script))?;
        let near = source.byte(near.0, near.1)?;
        let at = source.declarations.variable(&source.text, name, near)?.at;
        let value = source.text.get(at + name.len()..)?.trim_start().strip_prefix('=')?;
        Some(value.trim_start().chars().take(SHOWN).collect())
    }

    /// What the source map says that a variable which is visible at a 0-based position was called.
    pub fn original_name(&self, script: &str, name: &str, near: (u32, u32)) -> Option<String> {
        self.file(&path_of(script))?.map.as_ref()?;
        self.variable(script, name, near)?.name
    }

    /// What an ES module exports by default: the variable, or the expression.
    pub fn default_export(&self, script: &str) -> Option<Declared> {
        let file = path_of(script);
        let source = self.file(&file)?;
        let exported = source.declarations.default_export(&source.text)?;
        let named = || {
            let name = source.text.get(exported.clone())?;
            let found = source.declarations.variable(&source.text, name, 0)?;
            let declared = source.declared(&file, found);
            Some(Declared { name: Some(declared.name.unwrap_or(name.to_owned())), ..declared })
        };
        let expression = || {
            let declaration = Declaration { at: exported.start, alias: false };
            source.declared(&file, declaration)
        };
        Some(named().unwrap_or_else(expression))
    }

    /// Where the property is first given its value, best near a 0-based position.
    pub fn property(&self, script: &str, name: &str, near: Option<(u32, u32)>) -> Option<Declared> {
        let file = path_of(script);
        let source = self.file(&file)?;
        let near = near.and_then(|(line, column)| source.byte(line, column));
        Some(source.declared(&file, source.declarations.property(&source.text, name, near)?))
    }

    /// Where a value is given to something else under a name, and the property `inner` of the literal that is given.
    pub fn given(
        &self,
        script: &str,
        name: &str,
        by_assignment: bool,
        inner: Option<&str>,
    ) -> Option<(Declared, Option<Declared>)> {
        let file = path_of(script);
        let source = self.file(&file)?;
        let (text, declarations) = (&source.text, &source.declarations);
        let (given, value) = declarations.given(text, name, by_assignment)?;
        let inner = inner.and_then(|inner| declarations.property_of_literal(text, inner, value));
        let declared = |declaration| source.declared(&file, declaration);
        Some((declared(given), inner.map(declared)))
    }

    /// The property `inner` of the literal that the variable which is visible at a 0-based position is declared with.
    pub fn property_of_variable(
        &self,
        script: &str,
        variable: &str,
        near: (u32, u32),
        inner: &str,
    ) -> Option<Declared> {
        let file = path_of(script);
        let source = self.file(&file)?;
        let (text, declarations) = (&source.text, &source.declarations);
        let at = declarations.variable(text, variable, source.byte(near.0, near.1)?)?.at;
        Some(source.declared(&file, declarations.property_of_literal(text, inner, at)?))
    }

    /// The name of the innermost function with one around a 0-based position.
    pub fn enclosing_function(&self, script: &str, position: (u32, u32)) -> Option<String> {
        let source = self.file(&path_of(script))?;
        let at = source.byte(position.0, position.1)?;
        let named = source.declarations.enclosing_function(&source.text, at)?;
        if is_module_export(&source.text, &named) {
            return Some(MODULE_EXPORTS.to_owned());
        }
        let (line, column) = source.position(named.start);
        // A bundle's function is called as it was written.
        let original = source.original(line, column).and_then(|(_, name)| name);
        original.or_else(|| source.text.get(named).map(str::to_owned))
    }

    /// Where the listener for `event` is added whose code stands at a 0-based position, and the function that adds it.
    pub fn registration(
        &self,
        script: &str,
        event: &str,
        name: &str,
        position: (u32, u32),
    ) -> Option<(Place, Option<String>)> {
        let source = self.file(&path_of(script))?;
        let at = source.byte(position.0, position.1)?;
        let call = source.position(registration(&source.text, event, name, at)?);
        Some((self.place(script, call.0, call.1), self.enclosing_function(script, call)))
    }

    /// The one function of a file that adds to the variable or property `name`, and where its name stands. The file is
    /// that of a [`Place`], so it is read as it was written.
    pub fn adding_function(&self, file: &str, name: &str) -> Option<(String, Place)> {
        let source = self.file(file)?;
        let range = adding_function(&source.text, &source.declarations, name)?;
        let (line, column) = source.position(range.start);
        let place = Place::new(file.to_owned(), line, column);
        let name = match is_module_export(&source.text, &range) {
            true => MODULE_EXPORTS,
            false => source.text.get(range)?,
        };
        Some((name.to_owned(), place))
    }

    /// What the value of the variable or property at a place is made with.
    pub fn given_to(&self, place: &Place) -> Option<Given> {
        let source = self.file(&place.file)?;
        let at = source.byte(place.line.checked_sub(1)?, place.column.checked_sub(1)?)?;
        given(&source.text, at)
    }

    /// Whether the source of a script is there.
    pub fn has(&self, script: &str) -> bool {
        self.file(&path_of(script)).is_some()
    }

    fn file(&self, path: &str) -> Option<Rc<File>> {
        if let Some(known) = self.files.borrow().get(path) {
            return known.clone();
        }
        let read = if Path::new(path).is_absolute() {
            File::read(Path::new(path), &self.readable).map(Rc::new)
        } else {
            None
        };
        self.files.borrow_mut().insert(path.to_owned(), read.clone());
        read
    }
}

impl File {
    fn read(path: &Path, readable: &ReadableFiles) -> Option<Self> {
        let text = readable.text(path)?;
        let lines = std::iter::once(0)
            .chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1))
            .collect();
        let mut map = read_map(path, &text, readable).map(|(map, folder)| {
            let project = project_of(&folder, map.sources(), readable);
            (map, Folders { map: folder, project })
        });
        // A package may come without what it was built of. The program's own source is where it is written.
        if let Some((map, folders)) = &mut map
            && path.to_string_lossy().contains(PACKAGES)
        {
            map.retain(|source| readable.has(Path::new(&folders.resolve(source))));
        }
        Some(File { text, lines, map, declarations: Declarations::default() })
    }

    fn byte(&self, line: u32, column: u32) -> Option<usize> {
        let start = *self.lines.get(line as usize)?;
        let mut units = 0;
        for (at, character) in self.text.get(start..)?.char_indices() {
            if units >= column || character == '\n' {
                return Some(start + at);
            }
            units += character.len_utf16() as u32;
        }
        Some(self.text.len())
    }

    fn position(&self, byte: usize) -> (u32, u32) {
        let line = self.lines.partition_point(|&start| start <= byte).saturating_sub(1);
        let before = self.text.get(self.lines[line]..byte).unwrap_or_default();
        (line as u32, before.encode_utf16().count() as u32)
    }

    /// Where the text at a 0-based position was written, and what it was called.
    fn original(&self, line: u32, column: u32) -> Option<(Option<Place>, Option<String>)> {
        let (map, folders) = self.map.as_ref()?;
        let original = map.original(line, column)?;
        let at = |source| Place::new(folders.resolve(source), original.line, original.column);
        Some((original.source.map(at), original.name.map(str::to_owned)))
    }

    fn declared(&self, file: &str, declaration: Declaration) -> Declared {
        let (line, column) = self.position(declaration.at);
        let (place, name) = self.original(line, column).unwrap_or_default();
        let place = place.unwrap_or_else(|| Place::new(file.to_owned(), line, column));
        Declared { place, name, alias: declaration.alias }
    }
}

/// What V8 calls a function without a name that a module exports as a whole (in stack traces, in profiles).
pub const MODULE_EXPORTS: &str = "module.exports";

/// Whether a name is that of what a CommonJS module exports as a whole: `module.exports = () => ...`.
fn is_module_export(text: &str, name: &Range<usize>) -> bool {
    const EXPORTS: &str = "exports";
    text.get(name.clone()) == Some(EXPORTS)
        && text.get(name.end..).is_some_and(|after| {
            let value = after.trim_start().strip_prefix('=');
            value.is_some_and(|value| !value.starts_with(['=', '>']))
        })
}

/// The map that the file's last `sourceMappingURL` comment names: inline or beside it.
fn read_map(path: &Path, text: &str, readable: &ReadableFiles) -> Option<(SourceMap, PathBuf)> {
    const MARK: &str = "sourceMappingURL=";
    let folder = path.parent()?;
    let from = text.rfind(MARK)? + MARK.len();
    let url = text.get(from..)?.split(|c: char| c.is_whitespace() || c == '*').next()?;
    if let Some(data) = url.strip_prefix("data:") {
        let (kind, data) = data.split_once(',')?;
        let json = if kind.ends_with(";base64") {
            base64(data.as_bytes())?
        } else {
            percent_decoded(data).into_bytes()
        };
        return Some((SourceMap::parse(&json)?, folder.to_owned()));
    }
    let map = folder.join(percent_decoded(url.strip_prefix("file://").unwrap_or(url)));
    let json = readable.text(&map)?;
    Some((SourceMap::parse(json.as_bytes())?, map.parent()?.to_owned()))
}

/// The path of a script's name: file URLs become paths, everything else stays.
pub fn path_of(script: &str) -> String {
    match script.strip_prefix("file://") {
        Some(path) => {
            // A module may be imported under several URLs of one file.
            let path = percent_decoded(path.split(['?', '#']).next().unwrap_or(path));
            // file:///C:/x is C:/x
            let drive = path.strip_prefix('/').filter(|rest| rest.as_bytes().get(1) == Some(&b':'));
            drive.map(str::to_owned).unwrap_or(path)
        }
        None => script.to_owned(),
    }
}

/// Whether a script is Node's own, or no file at all. A module in a `data:` URL, a script whose name was redacted and
/// the source of a bundle, whose path is relative to an unknown project, are the program's.
pub fn is_internal(script: &str) -> bool {
    let is_of_program =
        ["file://", "data:", REDACTED].iter().any(|start| script.starts_with(start))
            || Path::new(script).is_absolute()
            || (script.contains('/') && !script.starts_with("node:"));
    !is_of_program
}

/// How the names begin that `redact` puts in the place of others (src/snapshot/redaction).
const REDACTED: &str = "redacted-";

/// Whether `redact` put it in the place of a name.
pub(super) fn is_hash(name: &str) -> bool {
    name.starts_with(REDACTED)
}

impl Folders {
    fn resolve(&self, source: &str) -> String {
        let absolute = |folder: &Path, path: &str| normal(&folder.join(path));
        match (source.split_once("://"), within_project(source), &self.project) {
            (None, ..) => absolute(&self.map, &percent_decoded(source)),
            (Some(("file", path)), ..) => absolute(&self.map, &percent_decoded(path)),
            (_, Some(path), Some(project)) => absolute(project, path),
            (_, Some(path), None) => path.to_owned(),
            (Some((_, path)), None, _) => path.to_owned(),
        }
    }
}

/// The path within the project of a source that a bundler names by a URL of its own: `webpack://name/./src/a.ts`, where
/// a hash may follow.
fn within_project(source: &str) -> Option<&str> {
    let (scheme, rest) = source.split_once("://")?;
    let (_, path) = rest.split_once("/./").filter(|_| scheme != "file")?;
    path.split('?').next()
}

/// The folder above a map that has the sources which the map names relative to the project. The project of a package
/// does not reach beyond the package.
fn project_of<'a>(
    folder: &Path,
    sources: impl Iterator<Item = &'a str>,
    readable: &ReadableFiles,
) -> Option<PathBuf> {
    const LOOKED_AT: usize = 16;
    let paths: Vec<&str> =
        sources.filter_map(within_project).filter(|path| !path.contains(PACKAGES_WITHIN)).collect();
    let is_in_project = |folder: &&Path| !folder.ends_with(PACKAGES_WITHIN);
    // What has a map of its own is generated: a bundler keeps the folders of the project in its output.
    let is_written = |path: PathBuf| {
        let path = normal(&path);
        readable.has(Path::new(&path)) && !readable.has(Path::new(&format!("{path}.map")))
    };
    let has_source =
        |folder: &&Path| paths.iter().take(LOOKED_AT).any(|path| is_written(folder.join(path)));
    folder.ancestors().take_while(is_in_project).find(has_source).map(Path::to_owned)
}

/// A path without `.` and `..`.
fn normal(path: &Path) -> String {
    let mut resolved = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                resolved.pop();
            }
            Component::CurDir => {}
            other => resolved.push(other),
        }
    }
    resolved.to_string_lossy().into_owned()
}

fn percent_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escape = (byte == b'%').then(|| tail.get(..2)).flatten();
        let decoded = escape
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(decoded.unwrap_or(byte));
        rest = if decoded.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The folder in which a program's packages lie.
pub const PACKAGES: &str = "/node_modules/";
const PACKAGES_WITHIN: &str = "node_modules";

/// Whether a file is of the program itself, not of a package or of Node.
pub fn is_application(file: &str) -> bool {
    !is_internal(file) && !file.contains(PACKAGES)
}

/// The folder of the package in node_modules that a file belongs to.
pub fn package_folder(file: &str) -> Option<&str> {
    let start = file.rfind(PACKAGES)? + PACKAGES.len();
    let name = file.get(start..)?;
    let depth = if name.starts_with('@') { 2 } else { 1 };
    let length = name.split('/').take(depth).map(|part| part.len() + 1).sum::<usize>() - 1;
    let is_whole = name.split('/').take(depth).filter(|part| !part.is_empty()).count() == depth;
    file.get(..start + length).filter(|_| is_whole)
}

/// The package in node_modules that a file belongs to.
pub fn package_of(file: &str, readable: &ReadableFiles) -> Option<Package> {
    let path = package_folder(file)?;
    let folder = path.get(path.rfind(PACKAGES)? + PACKAGES.len()..)?.to_owned();
    #[derive(serde::Deserialize)]
    struct Json {
        name: Option<String>,
        version: Option<String>,
    }
    let manifest = Path::new(path).join("package.json");
    let json: Option<Json> =
        readable.text(&manifest).and_then(|text| serde_json::from_str(&text).ok());
    let (name, version) = json.map_or((None, None), |json| (json.name, json.version));
    Some(Package { name: name.unwrap_or(folder), version })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn script_names_become_paths() {
        assert_eq!(path_of("file:///srv/my%20app/a.mjs"), "/srv/my app/a.mjs");
        assert_eq!(path_of("file:///C:/app/a.mjs"), "C:/app/a.mjs");
        assert_eq!(path_of("file:///srv/a.mjs?version=3#x"), "/srv/a.mjs");
        assert_eq!(path_of("/srv/a.js"), "/srv/a.js");
        assert_eq!(path_of("node:events"), "node:events");
        assert!(
            is_internal("node:events")
                && is_internal("evalmachine.<anonymous>")
                && !is_internal("/a.js")
                && !is_internal("data:text/javascript,let a")
                && !is_internal("redacted-0123456789ab")
        );
    }

    #[test]
    fn a_function_that_a_module_exports_as_a_whole_is_called_so() {
        let is_export = |text: &str| {
            let start = text.find("exports").unwrap();
            is_module_export(text, &(start..start + "exports".len()))
        };
        assert!(is_export("module.exports = (id) => {}"));
        assert!(is_export("exports=module.exports=function(){}"));
        assert!(!is_export("module.exports.load = () => {}"));
        assert!(!is_export("const table = { exports: () => {} }"));
        assert!(!is_export("run(exports => {})") && !is_export("exports == other"));
    }

    #[test]
    fn sources_are_resolved_against_the_map() {
        let folders = Folders { map: "/srv/app/dist".into(), project: None };
        assert_eq!(folders.resolve("../src/a.ts"), "/srv/app/src/a.ts");
        assert_eq!(folders.resolve("./b.ts"), "/srv/app/dist/b.ts");
        assert_eq!(folders.resolve("/abs/c.ts"), "/abs/c.ts");
        assert_eq!(folders.resolve("file:///abs/c%20d.ts"), "/abs/c d.ts");
        assert_eq!(folders.resolve("webpack://shop/./src/d.ts"), "src/d.ts");
        assert!(is_application(&folders.resolve("webpack://shop/./src/d.ts")));
        let folders = Folders { project: Some("/srv/app".into()), ..folders };
        assert_eq!(folders.resolve("webpack://shop/./src/d.ts?1f3a"), "/srv/app/src/d.ts");
    }

    #[test]
    fn the_project_of_a_bundle_is_the_folder_that_has_its_sources() {
        let name = format!("plimsoll-project-{}", std::process::id());
        let app = std::fs::canonicalize(std::env::temp_dir()).unwrap().join(name);
        let package = app.join("node_modules/kit");
        for folder in [app.join(".next/src"), app.join("src"), package.join("dist")] {
            std::fs::create_dir_all(folder).unwrap();
        }
        for file in ["src/route.js", ".next/src/route.js", ".next/src/route.js.map"] {
            std::fs::write(app.join(file), "let a").unwrap();
        }
        let readable = ReadableFiles::default();
        let sources = ["webpack://_N_E/external node", "webpack://_N_E/./src/route.js"];
        let project = |folder: &str| project_of(&app.join(folder), sources.into_iter(), &readable);
        let found = (project(".next/src"), project("node_modules/kit/dist"));
        std::fs::remove_dir_all(&app).unwrap();
        assert_eq!(found, (Some(app), None));
    }

    #[test]
    fn a_position_that_no_file_has_is_a_place_all_the_same() {
        let place = Sources::default().place("/nowhere/a.js", u32::MAX, 0);
        assert_eq!((place.line, place.column), (u32::MAX, 1));
    }

    #[test]
    fn the_innermost_package_owns_a_file() {
        let readable = ReadableFiles::default();
        let file = "/nowhere/node_modules/a/node_modules/@scope/b/lib/x.js";
        let package = package_of(file, &readable).unwrap();
        assert_eq!(package, Package { name: "@scope/b".to_owned(), version: None });
        assert_eq!(package_of("/srv/app/src/x.js", &readable), None);
    }
}

//! What the user chose, and the file it is kept in.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use floe_call::{AudioSource, Playback, Privacy, web::WebPage};
use floe_transport::relay::TlsTrust;
use serde::{Deserialize, Serialize};

use super::turn_server::TurnServer;
use crate::regular_file;

/// Overrides the folder settings are kept in.
const FOLDER_VARIABLE: &str = "FLOE_CONFIG_DIR";

/// Files remembered; more would be a list to search.
const RECENT_FILES: usize = 8;

/// What the user chose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Settings {
    /// STUN servers as `stun:host[:port]`. None are contacted unless named here.
    pub stun_servers: Vec<String>,
    /// A page, `http://host/…`, that is asked for to see whether a network wants people to sign in; empty asks for none.
    pub web_page: String,
    /// TURN servers. None are contacted unless named here.
    pub turn_servers: Vec<TurnServer>,
    /// A PEM file of certificate authorities to believe besides those of the system, with `turns:`.
    pub turn_authorities: Option<PathBuf>,
    /// Names of the interfaces to use; empty means all.
    pub interfaces: Vec<String>,
    /// What the friend learns of our addresses.
    pub privacy: PrivacyLevel,
    /// Whether TCP is offered besides UDP.
    pub tcp: bool,
    /// TCP ports to listen on besides one that the system chooses.
    pub tcp_ports: Vec<u16>,
    /// What a call sends.
    pub source: Source,
    /// Where a call plays.
    pub playback: Output,
    /// Light, dark, or as the system has it.
    pub theme: ThemeChoice,
    /// Files shown lately, the newest first.
    pub recent_files: Vec<PathBuf>,
}

/// What the friend learns of our addresses, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PrivacyLevel {
    /// All of them.
    Everything,
    /// None of the local network.
    HideLan,
    /// That of a relay.
    RelayOnly,
}

impl PrivacyLevel {
    /// As a call takes it.
    #[must_use]
    pub const fn to_call(self) -> Privacy {
        match self {
            Self::Everything => Privacy::Everything,
            Self::HideLan => Privacy::HideLan,
            Self::RelayOnly => Privacy::RelayOnly,
        }
    }
}

/// What a call sends, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// Nothing.
    None,
    /// A test tone.
    Tone,
    /// A WAV file.
    Wav(PathBuf),
    /// A microphone by its stored id; none is the system's default.
    Microphone(Option<String>),
}

/// Where a call plays, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Output {
    /// Nowhere.
    None,
    /// A device by its stored id; none is the system's default.
    Speaker(Option<String>),
}

/// Light, dark, or as the system has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ThemeChoice {
    /// Dark surfaces.
    Dark,
    /// Light surfaces.
    Light,
    /// As the system has it.
    System,
}

/// The tone a call sends when asked for one: concert pitch, easy to tell by ear.
pub const TONE_HZ: u32 = 440;

impl Default for Settings {
    fn default() -> Self {
        Self {
            stun_servers: Vec::new(),
            web_page: String::new(),
            turn_servers: Vec::new(),
            turn_authorities: None,
            interfaces: Vec::new(),
            privacy: PrivacyLevel::Everything,
            tcp: true,
            tcp_ports: Vec::new(),
            source: Source::Microphone(None),
            playback: Output::Speaker(None),
            theme: ThemeChoice::System,
            recent_files: Vec::new(),
        }
    }
}

impl Settings {
    /// The page as a call takes it.
    #[must_use]
    pub fn web_page(&self) -> Option<WebPage> {
        WebPage::parse(&self.web_page).ok()
    }

    /// The settings with a file that is shown now.
    #[must_use]
    pub fn with_recent(mut self, path: PathBuf) -> Self {
        // The file may be named from anywhere next time.
        let path = fs::canonicalize(&path).unwrap_or(path);
        self.recent_files.retain(|known| *known != path);
        self.recent_files.insert(0, path);
        self.recent_files.truncate(RECENT_FILES);
        self
    }
}

impl Settings {
    /// Whom to believe that it is a TURN server that TLS leads to.
    ///
    /// # Errors
    /// A sentence when the file of authorities cannot be used.
    pub fn turn_trust(&self) -> Result<TlsTrust, String> {
        let Some(file) = &self.turn_authorities else { return Ok(TlsTrust::default()) };
        let cannot = |error: String| format!("{} cannot be used for TURN servers: {error}", file.display());
        let mut pem = Vec::new();
        let (mut file, _) = regular_file::open(file).map_err(cannot)?;
        file.read_to_end(&mut pem).map_err(|error| cannot(error.to_string()))?;
        TlsTrust::with_authorities(&pem).map_err(|error| cannot(error.to_string()))
    }
}

impl Source {
    /// As a call takes it.
    #[must_use]
    pub fn to_call(&self) -> AudioSource {
        match self {
            Self::None => AudioSource::None,
            Self::Tone => AudioSource::Tone { hz: TONE_HZ },
            Self::Wav(path) => AudioSource::Wav(path.clone()),
            Self::Microphone(id) => AudioSource::Device(id.clone()),
        }
    }
}

impl Output {
    /// As a call takes it.
    #[must_use]
    pub fn to_call(&self) -> Playback {
        match self {
            Self::None => Playback::None,
            Self::Speaker(id) => Playback::Device(id.clone()),
        }
    }
}

impl ThemeChoice {
    /// As egui takes it.
    #[must_use]
    pub const fn to_egui(self) -> egui::ThemePreference {
        match self {
            Self::Dark => egui::ThemePreference::Dark,
            Self::Light => egui::ThemePreference::Light,
            Self::System => egui::ThemePreference::System,
        }
    }
}

/// The file settings are kept in.
#[derive(Debug, Clone)]
pub struct SettingsFile {
    path: PathBuf,
}

/// Settings as they were found, with a sentence if the file could not be used.
#[derive(Debug)]
pub struct Loaded {
    /// The settings; the defaults if the file could not be used.
    pub settings: Settings,
    /// What to tell the user.
    pub note: Option<String>,
}

impl SettingsFile {
    /// The file in the platform's configuration folder, or in the folder that `FLOE_CONFIG_DIR` names.
    #[must_use]
    pub fn locate() -> Option<Self> {
        let folder = match std::env::var_os(FOLDER_VARIABLE) {
            Some(folder) => PathBuf::from(folder),
            None => directories::ProjectDirs::from("", "", "floe")?.config_dir().to_owned(),
        };
        Some(Self::in_folder(&folder))
    }

    /// The file in a given folder.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self { path: folder.join("settings.json") }
    }

    /// Reads the settings. A file that cannot be used is kept beside as `.bak` and told of.
    #[must_use]
    pub fn load(&self) -> Loaded {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Loaded { settings: Settings::default(), note: None };
            }
            Err(error) => return self.unusable(&error.to_string()),
        };
        match serde_json::from_str(&text) {
            Ok(settings) => Loaded { settings, note: None },
            Err(error) => self.unusable(&error.to_string()),
        }
    }

    fn unusable(&self, why: &str) -> Loaded {
        let kept = self.path.with_extension("json.bak");
        let place = match fs::rename(&self.path, &kept) {
            Ok(()) => format!("It is kept as {}.", kept.display()),
            Err(error) => format!("It could not be set aside ({error}): {}.", self.path.display()),
        };
        let note = format!("Your settings could not be read ({why}), so the defaults are used. {place}");
        Loaded { settings: Settings::default(), note: Some(note) }
    }

    /// Writes the settings: first beside, then over the old file, so that a crash leaves one of the two whole.
    ///
    /// # Errors
    /// When the folder or the file cannot be written.
    pub fn save(&self, settings: &Settings) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let beside = self.path.with_extension("json.new");
        let turn_servers = settings.turn_servers.iter().map(TurnServer::for_file).collect();
        let written = Settings { turn_servers, ..settings.clone() };
        private(&beside)?.write_all(&serde_json::to_vec_pretty(&written)?)?;
        fs::rename(&beside, &self.path)
    }
}

/// A new file that nobody else on this machine can read: it may hold a password.
fn private(path: &Path) -> io::Result<fs::File> {
    // Left over from a crash, it would keep the rights it had.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("floe-settings-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn settings_survive_being_saved_and_read() {
        let folder = folder("round-trip");
        let file = SettingsFile::in_folder(&folder);
        let settings = Settings {
            web_page: "http://example.org/".to_owned(),
            stun_servers: vec!["stun:stun.example.org:3478".to_owned()],
            turn_servers: vec![TurnServer {
                url: "turn:turn.example.org".to_owned(),
                user: "alice".to_owned(),
                password: "hunter2".to_owned(),
                is_remembered: true,
            }],
            turn_authorities: Some(PathBuf::from("/tmp/authorities.pem")),
            interfaces: vec!["eth0".to_owned()],
            privacy: PrivacyLevel::HideLan,
            tcp: false,
            tcp_ports: vec![443, 80],
            source: Source::Wav(PathBuf::from("/tmp/hello.wav")),
            playback: Output::Speaker(Some("alsa:hw0".to_owned())),
            theme: ThemeChoice::Light,
            recent_files: vec![PathBuf::from("/tmp/call.floe")],
        };
        file.save(&settings).unwrap();
        let loaded = file.load();
        assert_eq!(loaded.settings, settings);
        assert_eq!(loaded.note, None);
        fs::remove_dir_all(folder).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_the_file() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = folder("private");
        let file = SettingsFile::in_folder(&folder);
        file.save(&Settings::default()).unwrap();
        file.save(&Settings::default()).unwrap();
        let mode = fs::metadata(folder.join("settings.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_missing_file_gives_the_defaults_without_a_word() {
        let folder = folder("missing");
        let loaded = SettingsFile::in_folder(&folder.join("none")).load();
        assert_eq!((loaded.settings, loaded.note), (Settings::default(), None));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_broken_file_is_kept_and_told_of() {
        let folder = folder("broken");
        fs::write(folder.join("settings.json"), "{ not json").unwrap();
        let loaded = SettingsFile::in_folder(&folder).load();
        assert_eq!(loaded.settings, Settings::default());
        assert!(loaded.note.unwrap().contains("settings.json.bak"));
        assert_eq!(fs::read_to_string(folder.join("settings.json.bak")).unwrap(), "{ not json");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_of_an_older_version_fills_up_with_defaults() {
        let folder = folder("older");
        fs::write(folder.join("settings.json"), r#"{"theme":"dark"}"#).unwrap();
        let loaded = SettingsFile::in_folder(&folder).load();
        assert_eq!(loaded.settings.theme, ThemeChoice::Dark);
        assert_eq!(loaded.settings.source, Settings::default().source);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_shown_again_moves_to_the_front_and_old_ones_are_forgotten() {
        let mut settings = Settings::default();
        for n in 0..12 {
            settings = settings.with_recent(PathBuf::from(format!("/nowhere/{n}.floe")));
        }
        settings = settings.with_recent(PathBuf::from("/nowhere/7.floe"));
        assert_eq!(settings.recent_files.len(), 8);
        assert_eq!(settings.recent_files[..2], ["/nowhere/7.floe", "/nowhere/11.floe"].map(PathBuf::from));
    }

    #[test]
    fn a_file_without_certificates_is_named_and_none_is_no_mistake() {
        assert!(Settings::default().turn_trust().is_ok());
        let folder = folder("authorities");
        let file = folder.join("ca.pem");
        fs::write(&file, "no certificate").unwrap();
        for path in [file, folder.join("missing.pem")] {
            let settings = Settings { turn_authorities: Some(path.clone()), ..Settings::default() };
            let why = settings.turn_trust().err().unwrap();
            assert!(why.contains(&path.display().to_string()), "{why}");
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn no_server_is_contacted_by_default() {
        assert!(Settings::default().stun_servers.is_empty() && Settings::default().turn_servers.is_empty());
        assert_eq!(Settings::default().web_page(), None);
    }
}

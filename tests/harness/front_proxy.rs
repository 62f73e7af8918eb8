//! The real proxies, in front of a gateway or of an upstream of the tests.

use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{skip, until};

/// A proxy's program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Software {
    Nginx,
    Haproxy,
    Caddy,
    Apache,
    Lighttpd,
    Varnish,
}

/// A running proxy. Dropping it kills the process.
pub(crate) struct FrontProxy {
    software: Software,
    child: Child,
    folder: TempDir,
    pub(crate) address: SocketAddr,
}

impl Software {
    pub(crate) const ALL: [Self; 6] = [
        Self::Nginx,
        Self::Haproxy,
        Self::Caddy,
        Self::Apache,
        Self::Lighttpd,
        Self::Varnish,
    ];

    fn program(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Caddy => "caddy",
            Self::Apache => "apache2",
            Self::Lighttpd => "lighttpd",
            Self::Varnish => "varnishd",
        }
    }

    /// Returns whether the program is there. Reports the skipped test if not.
    pub(crate) fn is_there(self) -> bool {
        let found = self.path().is_some();
        if !found {
            skip(&format!(
                "{} is not installed (.ci/prepare proxies)",
                self.program()
            ));
        }
        found
    }

    fn path(self) -> Option<PathBuf> {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&paths).chain(["/usr/sbin".into()]);
        folders
            .map(|folder| folder.join(self.program()))
            .find(|path| path.exists())
    }

    /// Returns the name of the configuration in examples/front-proxies.
    fn example(self) -> &'static str {
        match self {
            Self::Nginx => "nginx.conf",
            Self::Haproxy => "haproxy.cfg",
            Self::Caddy => "Caddyfile",
            Self::Apache => "apache.conf",
            Self::Lighttpd => "lighttpd.conf",
            Self::Varnish => "varnish.vcl",
        }
    }

    /// Returns whether the proxy's part for TLS is there. Varnish has none.
    pub(crate) fn speaks_tls(self) -> bool {
        match self {
            Self::Varnish => false,
            Self::Lighttpd => Path::new("/usr/lib/lighttpd/mod_openssl.so").exists(),
            _ => true,
        }
    }

    /// Returns the parts of the example that a test replaces: addresses, and the certificate.
    fn replacements_with_tls(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Nginx => &[
                ("listen 443 ssl", "listen LISTEN ssl"),
                ("/etc/ssl/hooks/fullchain.pem", "CERT.pem"),
                ("/etc/ssl/hooks/key.pem", "CERT.key"),
                ("127.0.0.1:8080", "UPSTREAM"),
            ],
            Self::Haproxy => &[
                (":443 ssl", "LISTEN ssl"),
                ("/etc/ssl/hooks/combined.pem", "CERT.both"),
                ("127.0.0.1:8080 pool", "UPSTREAM pool"),
            ],
            Self::Caddy => &[
                (
                    "hooks.example.com {",
                    "https://hooks.example.com:PORT {\n\ttls CERT.pem CERT.key",
                ),
                ("reverse_proxy 127.0.0.1:8080", "reverse_proxy UPSTREAM"),
            ],
            Self::Apache => &[
                ("Listen 443", "Listen LISTEN"),
                ("<VirtualHost *:443>", "<VirtualHost *>"),
                ("/etc/ssl/hooks/fullchain.pem", "CERT.pem"),
                ("/etc/ssl/hooks/key.pem", "CERT.key"),
                ("http://127.0.0.1:8080", "http://UPSTREAM"),
            ],
            Self::Lighttpd => &[
                (
                    "server.port = 443",
                    "server.bind = \"127.0.0.1\"\nserver.port = PORT",
                ),
                ("/etc/ssl/hooks/fullchain.pem", "CERT.pem"),
                ("/etc/ssl/hooks/key.pem", "CERT.key"),
                ("\"port\" => 8080", "\"port\" => UPPORT"),
            ],
            Self::Varnish => &[],
        }
    }

    /// The same without TLS.
    fn replacements(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Nginx => &[
                ("listen 443 ssl http2;", "listen LISTEN;"),
                ("ssl_protocols TLSv1.2 TLSv1.3;", ""),
                ("ssl_certificate /etc/ssl/hooks/fullchain.pem;", ""),
                ("ssl_certificate_key /etc/ssl/hooks/key.pem;", ""),
                ("127.0.0.1:8080", "UPSTREAM"),
            ],
            Self::Haproxy => &[
                (
                    ":443 ssl crt /etc/ssl/hooks/combined.pem alpn h2,http/1.1",
                    "LISTEN",
                ),
                ("127.0.0.1:8080 pool", "UPSTREAM pool"),
            ],
            Self::Caddy => &[
                ("hooks.example.com {", "http://:PORT {"),
                ("reverse_proxy 127.0.0.1:8080", "reverse_proxy UPSTREAM"),
            ],
            Self::Apache => &[
                ("Listen 443", "Listen LISTEN"),
                ("<VirtualHost *:443>", "<VirtualHost *>"),
                ("Protocols h2 http/1.1", ""),
                ("SSLEngine on", ""),
                ("SSLCertificateFile /etc/ssl/hooks/fullchain.pem", ""),
                ("SSLCertificateKeyFile /etc/ssl/hooks/key.pem", ""),
                ("http://127.0.0.1:8080", "http://UPSTREAM"),
            ],
            Self::Lighttpd => &[
                (", \"mod_openssl\"", ""),
                ("server.port = 443", "server.port = PORT"),
                ("ssl.engine = \"enable\"", "server.bind = \"127.0.0.1\""),
                ("ssl.pemfile = \"/etc/ssl/hooks/fullchain.pem\"", ""),
                ("ssl.privkey = \"/etc/ssl/hooks/key.pem\"", ""),
                ("\"port\" => 8080", "\"port\" => UPPORT"),
            ],
            Self::Varnish => &[(".port = \"8080\"", ".port = \"UPPORT\"")],
        }
    }

    /// Returns lines that a test adds in front of a configuration.
    fn preamble(self) -> &'static str {
        match self {
            Self::Nginx | Self::Haproxy | Self::Varnish => "",
            Self::Caddy => "{\n\tadmin localhost:ADMIN\n\tauto_https off\n}\n",
            Self::Apache => {
                "ServerRoot FOLDER\nServerName localhost\nPidFile FOLDER/pid\n\
                 DefaultRuntimeDir FOLDER\nErrorLog FOLDER/log\n\
                 LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so\n\
                 LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so\n\
                 LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so\n\
                 LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so\n\
                 LoadModule headers_module /usr/lib/apache2/modules/mod_headers.so\n\
                 LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so\n\
                 LoadModule http2_module /usr/lib/apache2/modules/mod_http2.so\n"
            }
            Self::Lighttpd => "server.errorlog = \"FOLDER/log\"\n",
        }
    }
}

impl FrontProxy {
    /// Starts a proxy with the example's configuration in front of a gateway.
    pub(crate) fn example(software: Software, gateway: SocketAddr) -> Self {
        let text = example(software, software.replacements());
        Self::start(software, &text, gateway)
    }

    /// The same with TLS. The certificate is in `CERT.pem`, `CERT.key` and `CERT.both`.
    pub(crate) fn example_with_tls(
        software: Software,
        gateway: SocketAddr,
        certificate: &Path,
    ) -> Self {
        let text = example(software, software.replacements_with_tls());
        let text = text.replace("CERT", certificate.to_str().unwrap());
        Self::start(software, &text, gateway)
    }

    /// Starts a proxy with this configuration. In it `LISTEN`, `PORT`, `UPSTREAM` and `UPPORT`
    /// stand for addresses and ports.
    pub(crate) fn start(software: Software, text: &str, upstream: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The workers of some proxies run as another user.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let address = free_address();
        let mut text = format!("{}{text}", software.preamble());
        for (from, to) in [
            ("LISTEN", address.to_string()),
            ("UPSTREAM", upstream.to_string()),
            ("UPPORT", upstream.port().to_string()),
            ("ADMIN", free_address().port().to_string()),
            ("PORT", address.port().to_string()),
            ("FOLDER", folder.path().display().to_string()),
        ] {
            text = text.replace(from, &to);
        }
        if software == Software::Nginx {
            let http = format!("http {{\naccess_log off;\n{}", temporary(folder.path()));
            text = text.replacen("http {", &http, 1);
        }
        fs::write(folder.path().join("conf"), text).unwrap();
        let mut proxy = Self {
            software,
            child: command(software, folder.path(), address).spawn().unwrap(),
            folder,
            address,
        };
        proxy.waits_until_it_listens();
        proxy
    }

    fn waits_until_it_listens(&mut self) {
        until("the proxy listens", || {
            if let Some(status) = self.child.try_wait().unwrap() {
                let said = self.said();
                panic!("{:?} ended: {status}\n{said}", self.software);
            }
            let wait = Duration::from_millis(500);
            TcpStream::connect_timeout(&self.address, wait).ok()
        });
    }

    /// Reloads the configuration as the proxy's documentation says, without an end of its service.
    pub(crate) fn reload(&self) {
        let signal = |signal| kill_process(Pid::from_child(&self.child), signal).unwrap();
        let conf = self.folder.path().join("conf");
        let run = |command: &mut Command| {
            let output = command.output().unwrap();
            assert!(output.status.success(), "{output:?}");
        };
        match self.software {
            Software::Nginx => signal(Signal::HUP),
            Software::Haproxy => signal(Signal::USR2),
            Software::Apache | Software::Lighttpd => signal(Signal::USR1),
            Software::Caddy => run(Command::new("caddy")
                .args(["reload", "--adapter", "caddyfile", "--force", "--config"])
                .arg(conf)
                .env("HOME", self.folder.path())),
            Software::Varnish => {
                let name = format!("reload_{}", fastrand::u32(..));
                let admin = |arguments: &[&str]| {
                    let mut command = Command::new("varnishadm");
                    command.arg("-n").arg(self.folder.path().join("varnish"));
                    run(command.args(arguments));
                };
                admin(&["vcl.load", &name, conf.to_str().unwrap()]);
                admin(&["vcl.use", &name]);
            }
        }
    }

    fn said(&mut self) -> String {
        let mut text = String::new();
        if let Some(stderr) = &mut self.child.stderr {
            // The text may be cut.
            _ = stderr.read_to_string(&mut text);
        }
        let log = fs::read_to_string(self.folder.path().join("log"));
        text + &log.unwrap_or_default()
    }
}

impl Drop for FrontProxy {
    fn drop(&mut self) {
        // Masters end their workers on SIGTERM. Some wait for connections, so SIGKILL follows.
        _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        for _ in 0..100 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Returns the text of an example with these replacements.
fn example(software: Software, replacements: &[(&str, &str)]) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/front-proxies");
    let mut text = fs::read_to_string(folder.join(software.example())).unwrap();
    for (from, to) in replacements {
        assert!(text.contains(from), "{software:?}: {from}");
        text = text.replace(from, to);
    }
    text
}

/// Prepares the command that runs a proxy in the foreground.
fn command(software: Software, folder: &Path, address: SocketAddr) -> Command {
    let conf = folder.join("conf");
    let mut command = Command::new(software.path().expect("the program is there"));
    command
        .env("HOME", folder)
        .env("XDG_DATA_HOME", folder)
        .env("XDG_CONFIG_HOME", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    match software {
        Software::Nginx => {
            let global = format!(
                "daemon off; pid {}/pid; error_log stderr;",
                folder.display()
            );
            command.arg("-c").arg(conf).args(["-g", &global]);
        }
        Software::Haproxy => {
            command.args(["-W", "-f"]).arg(conf);
        }
        Software::Caddy => {
            let caddyfile = ["run", "--adapter", "caddyfile", "--config"];
            command.args(caddyfile).arg(conf).stderr(Stdio::null());
        }
        Software::Apache => {
            command.arg("-DFOREGROUND").arg("-f").arg(conf);
            if rustix::process::geteuid().is_root() {
                command.args(["-C", "User www-data", "-C", "Group www-data"]);
            }
        }
        Software::Lighttpd => {
            command.args(["-D", "-f"]).arg(conf);
        }
        Software::Varnish => {
            command.args(["-F", "-a"]).arg(address.to_string());
            command
                .arg("-f")
                .arg(conf)
                .arg("-n")
                .arg(folder.join("varnish"));
            command.args(["-s", "malloc,32m"]).stderr(Stdio::null());
        }
    }
    command
}

/// Returns the lines that give nginx folders for bodies.
fn temporary(folder: &Path) -> String {
    let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let line = |kind| format!("{kind}_temp_path {}/{kind};\n", folder.display());
    kinds.map(line).concat()
}

/// Returns an address on which nothing listens.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

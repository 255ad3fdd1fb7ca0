//! The status page of a watch, on a thread of its own.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use gather::store::history::HistoryPlace;
use gather::watch::{Metrics, MetricsFormat};
use gather_web::{Options, Token, check_listen};
use tokio::sync::oneshot;

use crate::error::CliError;
use crate::resolve::tables::WebSettings;

/// Where the page listens unless it is told otherwise.
const LISTEN: &str = "127.0.0.1:8080";

/// What the page says of a configuration that was refused; its place is for the log alone.
const REFUSED: &str = "The configuration file has changed and is not valid: what was in force before \
                       stays so. The log of the watch says where.";

/// A page that may listen where it is told to.
pub(super) struct Page {
    address: SocketAddr,
    token: Option<Token>,
    hosts: Vec<String>,
    title: Option<String>,
}

/// A page that listens.
pub(super) struct Listening {
    page: Page,
    listener: TcpListener,
}

/// A page that is served, until it is dropped.
pub(super) struct Serving {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Page {
    /// What the settings say; `None` where no page is wanted.
    ///
    /// # Errors
    /// An address that is none, or would be open to others without a token.
    pub(super) fn new(web: &WebSettings) -> Result<Option<Self>, CliError> {
        let listen = web.listen.as_deref().unwrap_or(LISTEN);
        if listen == "off" {
            return Ok(None);
        }
        let address: SocketAddr = listen.parse().map_err(|_| {
            let message = format!("[web] listen: '{listen}' is no address with a port");
            CliError::usage(message, "write 127.0.0.1:8080, or --listen off for no page")
        })?;
        let refused = |error: &gather_web::AccessError| {
            let text = error.to_string();
            let (message, hint) = text.split_once("\nhint: ").unwrap_or((&text, ""));
            CliError::usage(message, hint)
        };
        let token = web.token.as_deref().map(Token::new).transpose().map_err(|e| refused(&e))?;
        check_listen(address, token.as_ref()).map_err(|error| refused(&error))?;
        let (hosts, title) = (web.hosts.clone(), web.title.clone());
        Ok(Some(Self { address, token, hosts, title }))
    }

    /// Listens.
    ///
    /// # Errors
    /// An address that is taken, or not this machine's.
    pub(super) fn listen(mut self) -> Result<Listening, CliError> {
        let listener = TcpListener::bind(self.address).map_err(|error| {
            let message = format!("the status page cannot listen on {}: {error}", self.address);
            CliError::usage(message, "choose another with --listen, or --listen off")
        })?;
        // Of port 0 the system chose another one.
        self.address = listener.local_addr().unwrap_or(self.address);
        Ok(Listening { page: self, listener })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Listening {
    /// The page.
    pub(super) fn page(&self) -> &Page {
        &self.page
    }

    /// Serves it.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn serve(
        self,
        place: HistoryPlace,
        metrics: &Arc<Metrics>,
        health: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Result<Serving, CliError> {
        let fault = |error: std::io::Error| CliError::fault(format!("the status page: {error}"));
        let mut options = Options::new(place);
        let Page { token, hosts, title, .. } = self.page;
        if let Some(title) = title {
            options.title = title;
        }
        (options.token, options.hosts) = (token, hosts);
        options.zone = jiff::tz::TimeZone::system();
        options.health = Arc::new(health);
        let reloads = Arc::clone(metrics);
        options.remark = Arc::new(move || (!reloads.is_reloaded()).then(|| REFUSED.to_owned()));
        let metrics = Arc::clone(metrics);
        options.metrics = Arc::new(move |format, out| {
            let format = match format {
                gather_web::MetricsFormat::Text => MetricsFormat::Text,
                gather_web::MetricsFormat::OpenMetrics => MetricsFormat::OpenMetrics,
            };
            metrics.write(format, out)
        });
        self.listener.set_nonblocking(true).map_err(fault)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(fault)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let listener = self.listener;
        let serve = move || {
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                let ended = gather_web::serve(listener, options, async {
                    // Dropped is stopped.
                    let _ = stopped.await;
                });
                ended.await.map_err(std::io::Error::other)
            })
        };
        let serve = move || {
            if let Err(error) = serve() {
                tracing::error!("the status page has ended: {error}");
            }
        };
        let thread = std::thread::Builder::new().name("page".to_owned()).spawn(serve);
        Ok(Serving { stop: Some(stop), thread: Some(thread.map_err(fault)?) })
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

//! What each path of a test site does.
//!
//! Every path also understands `delay=` (`250ms`, `1s`), a wait before the answer.
//! Sizes are in bytes unless the name says otherwise.
//!
//! | path | answer |
//! |---|---|
//! | `/ok?size=N` | 200 with N bytes (default 2); `chunked` and `until_close` change the framing |
//! | `/delay/1s` | 200 after the wait |
//! | `/crowd/N` | 200 once the server has had N requests in flight at one moment, or after half a minute |
//! | `/status/404` | that status |
//! | `/redirect/N?status=302` | N redirects, then 200 |
//! | `/redirect-loop` | a redirect to itself |
//! | `/redirect-to?url=U&status=302` | a redirect to the percent-decoded U |
//! | `/limited` | 200 within [`crate::Site::rate_per_s`], otherwise 429 with [`crate::Site::retry_after`] |
//! | `/window` | 200 for the first N of each window, otherwise 429 |
//! | `/429`, `/503?retry_after=2` | that status; `retry_after` goes out as it is |
//! | `/flaky?fail=2&status=503` | the first `fail` requests for this very target fail, then 200; `retry_after=` is theirs; `how=reset` and `how=close` break the connection instead |
//! | `/echo` | method, target, headers, body and connection number as JSON |
//! | `/json/price/SYM` | `{"symbol":"SYM","price":…,"currency":"EUR"}`, the same price for the same symbol |
//! | `/set-cookie?name=a&value=1` | a cookie; the body is the `Cookie` header received |
//! | `/etag` | 200 with an `ETag`, 304 when `If-None-Match` has it |
//! | `/site/aa/0` | a site to be crawled, of [`crate::Site::crawled_pages`], with a `/robots.txt`; see [`crate::crawled`] |
//! | `/validated?etag=E&modified&changes=N` | 200 with those validators, 304 to a request that has them; `cc=` is its `Cache-Control`, `expires=` and `vary=` those, `no304` never says 304; validators and body differ from the N-th request for this very target on |
//! | `/close` | 200 with `Connection: close` |
//! | `/idle-close?ms=50` | 200 as if to keep the connection, then closes it |
//! | `/early-hints` | 103, then 200 |
//! | `/encoding/gzip` | a compressed body: `gzip`, `br`, `zstd`, `deflate`, `deflate-raw`, or several with commas; `size=N` of the plain body; `garbage` sends plain bytes under the name, `trim=N` cuts the compressed end |
//! | `/bomb/gzip?mb=64` | zeros, compressed: `gzip`, `br`, `zstd`, `deflate`, or several with commas; `status=` and `to=` make it a redirect |
//! | `/big-header?kb=N` | one header that long |
//! | `/many-headers?n=N` | N headers |
//! | `/silent` | reads the request and never answers |
//! | `/headers-then-silent` | the head of a 1,000-byte response and nothing more |
//! | `/drip?bps=10&size=100` | a body at that many bytes a second |
//! | `/cut?at=N&size=1024` | closes after N bytes of the response, head included; `chunked` cuts a chunked one |
//! | `/reset?at=N&size=1024` | the same with a TCP reset |
//! | `/infinite` | a chunked body without end |
//! | `/bad-length` | `Content-Length: banana` |
//! | `/two-lengths` | two `Content-Length` headers that differ |
//! | `/te-and-length` | `Transfer-Encoding: chunked` and a `Content-Length` |
//! | `/chunk-garbage` | a chunk size that is no number |
//! | `/not-http` | the greeting of another protocol |
//! | `/bad-status` | a status line without a number |
//! | `/surplus?n=10` | a whole answer and N bytes that nobody asked for, on a kept connection |
//! | `/goaway` | HTTP/2 only: `ENHANCE_YOUR_CALM` for the connection, this request included; see also [`crate::Site::http2_turned_away`] |
//! | `/reset-stream?code=7` | HTTP/2 only: that reset instead of an answer (7 is `REFUSED_STREAM`) |
//!
//! Any other path is a 404.

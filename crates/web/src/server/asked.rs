//! What addresses ask for, and the answer where they cannot be read.

use axum::extract::{FromRequestParts, Path, Query};
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::answer;

/// The parts of a path. A path that cannot be read leads nowhere.
pub(super) struct At<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for At<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &S) -> Result<Self, Response> {
        match Path::<T>::from_request_parts(parts, site).await {
            Ok(Path(at)) => Ok(Self(at)),
            Err(_) => Err(answer::missing(parts.uri.path())),
        }
    }
}

/// The members of a query. Of those that cannot be read the API says so; a page is without them.
pub(super) struct Asks<T>(pub(super) T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequestParts<S> for Asks<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(asks)) => Ok(Self(asks)),
            Err(error) if parts.uri.path().starts_with("/api/") => {
                Err(answer::problem(StatusCode::BAD_REQUEST, &error.body_text()))
            }
            Err(_) => Ok(Self(T::default())),
        }
    }
}

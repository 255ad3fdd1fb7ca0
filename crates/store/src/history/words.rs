//! Types of core as they stand in JSON and in tables.

use gather_core::time::Time;

/// Whole milliseconds since 1970.
pub(super) fn ms(time: Time) -> i64 {
    (time.as_nanos() / 1_000_000).cast_signed()
}

/// The moment so many milliseconds after 1970.
pub(super) fn time(ms: i64) -> Time {
    Time::from_millis(u64::try_from(ms).unwrap_or(0))
}

pub(super) fn is_zero(number: &u16) -> bool {
    *number == 0
}

/// A moment as milliseconds since 1970.
pub(super) mod moment {
    use gather_core::time::Time;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(time: &Time, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(super::ms(*time))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Time, D::Error> {
        i64::deserialize(from).map(super::time)
    }
}

/// The same where there may be none.
pub(super) mod moment_opt {
    use gather_core::time::Time;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(time: &Option<Time>, to: S) -> Result<S::Ok, S::Error> {
        time.map(super::ms).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Time>, D::Error> {
        Ok(Option::<i64>::deserialize(from)?.map(super::time))
    }
}

/// An error kind by its name. A name that this build does not know is none.
pub(super) mod kind {
    use std::borrow::Cow;

    use gather_core::ErrorKind;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        kind: &Option<ErrorKind>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        kind.map(ErrorKind::as_str).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<ErrorKind>, D::Error> {
        let name = Option::<Cow<'_, str>>::deserialize(from)?;
        Ok(name.and_then(|name| ErrorKind::from_name(&name)))
    }
}

/// A state by its name. A name that this build does not know is unknown.
pub(super) mod state {
    use std::borrow::Cow;

    use gather_core::watch::State;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(state: &State, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(state.as_str())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<State, D::Error> {
        let name = Cow::<'_, str>::deserialize(from)?;
        Ok(super::state_of(&name))
    }
}

/// The state of this name; unknown for a name that this build does not know.
pub(super) fn state_of(name: &str) -> gather_core::watch::State {
    gather_core::watch::State::from_name(name).unwrap_or(gather_core::watch::State::Unknown)
}

//! Moments and days, as the policy and the rules use them.
//!
//! A [`Moment`] is whole seconds since 1970-01-01T00:00:00Z. A [`Day`] is a date of the policy: the
//! last valid day, in UTC. The calendar is the `time` crate's.

use core::fmt;
use time::{Date, Month, OffsetDateTime, Time, UtcOffset};
use toml_datetime::{Datetime, Offset};

/// Seconds since 1970-01-01T00:00:00Z, leap seconds ignored (POSIX time).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, minicbor::Encode, minicbor::Decode)]
#[cbor(transparent)]
pub struct Moment(#[n(0)] i64);

impl Moment {
    /// 1980-01-01T00:00:00Z: a clock before it has lost its battery (interfaces.md, rule 2).
    pub const EARLIEST_PLAUSIBLE: Self = Self(315_532_800);
    /// 2100-01-01T00:00:00Z: a clock from here on is not to be believed either.
    pub const LATEST_PLAUSIBLE: Self = Self(4_102_444_800);

    /// The moment so many seconds after 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn as_unix(self) -> i64 {
        self.0
    }

    /// Is a clock that shows this moment to be believed at all: from 1980 up to 2100?
    #[must_use]
    pub fn is_plausible(self) -> bool {
        self >= Self::EARLIEST_PLAUSIBLE && self < Self::LATEST_PLAUSIBLE
    }

    /// The moment as the rules take it on a host where a policy was applied at `applied`: a plausible
    /// clock never counts as earlier than that, so that setting it back brings no expired key back.
    /// An implausible clock stays what it is, and rule 2 sees it.
    #[must_use]
    pub fn not_before(self, applied: Option<Self>) -> Self {
        match applied {
            Some(applied) if self.is_plausible() && applied.is_plausible() => self.max(applied),
            _ => self,
        }
    }

    /// A TOML or RFC 3339 date-time with offset; fractions of a second are cut off.
    #[must_use]
    pub fn from_datetime(datetime: &Datetime) -> Option<Self> {
        let (date, time, offset) = (datetime.date?, datetime.time?, datetime.offset?);
        let offset_minutes = match offset {
            Offset::Z => 0,
            Offset::Custom { minutes } => minutes,
        };
        // A leap second is the second before it: POSIX time has no other place for it.
        let second = time.second.unwrap_or(0).min(59);
        let clock = Time::from_hms(time.hour, time.minute, second).ok()?;
        let offset_seconds = i32::from(offset_minutes).checked_mul(60)?;
        let offset = UtcOffset::from_whole_seconds(offset_seconds).ok()?;
        let local = OffsetDateTime::new_in_offset(calendar_date(&date)?, clock, offset);
        Some(Self(local.unix_timestamp()))
    }

    /// An RFC 3339 date-time with offset, such as `2026-11-23T10:00:00Z`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_datetime(&text.parse().ok()?)
    }

    fn calendar(self) -> Option<OffsetDateTime> {
        OffsetDateTime::from_unix_timestamp(self.0).ok()
    }

    /// `YYYYMMDDHHMMSSZ`, as sshd's `expiry-time` option takes it (sshd(8)); nothing outside the years
    /// 1970 to 9999, which it cannot say.
    #[must_use]
    pub fn as_expiry_time(self) -> Option<ExpiryTime> {
        let t = self.calendar()?;
        (1970..=9999).contains(&t.year()).then_some(ExpiryTime(t))
    }
}

impl fmt::Display for Moment {
    /// RFC 3339 in UTC; a moment beyond the calendar as plain seconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.calendar() {
            Some(t) => write!(
                f,
                "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
                t.year(),
                u8::from(t.month()),
                t.day(),
                t.hour(),
                t.minute(),
                t.second()
            ),
            None => write!(f, "{} seconds from 1970", self.0),
        }
    }
}

/// A moment that prints as `YYYYMMDDHHMMSSZ`.
#[derive(Clone, Copy, Debug)]
pub struct ExpiryTime(OffsetDateTime);

impl fmt::Display for ExpiryTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = self.0;
        write!(
            f,
            "{:04}{:02}{:02}{:02}{:02}{:02}Z",
            t.year(),
            u8::from(t.month()),
            t.day(),
            t.hour(),
            t.minute(),
            t.second()
        )
    }
}

/// A last valid day, in UTC: valid up to and including 23:59:59.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, minicbor::Encode, minicbor::Decode)]
#[cbor(transparent)]
pub struct Day(#[n(0)] Moment);

impl Day {
    /// A TOML date; nothing for anything with a time of day.
    #[must_use]
    pub fn from_datetime(datetime: &Datetime) -> Option<Self> {
        if datetime.time.is_some() || datetime.offset.is_some() {
            return None;
        }
        let midnight = calendar_date(&datetime.date?)?.midnight().assume_utc();
        let last_second = midnight.unix_timestamp().checked_add(86_399)?;
        Some(Self(Moment(last_second)))
    }

    /// The day that ends with this second; the inverse of [`Day::last_second`].
    pub(crate) const fn ending(last_second: Moment) -> Self {
        Self(last_second)
    }

    /// 23:59:59 UTC of the day.
    #[must_use]
    pub const fn last_second(self) -> Moment {
        self.0
    }

    /// Is the day over at this moment?
    #[must_use]
    pub fn is_past(self, at: Moment) -> bool {
        at > self.0
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.calendar() {
            Some(t) => write!(f, "{:04}-{:02}-{:02}", t.year(), u8::from(t.month()), t.day()),
            None => write!(f, "{}", self.0),
        }
    }
}

fn calendar_date(date: &toml_datetime::Date) -> Option<Date> {
    let month = Month::try_from(date.month).ok()?;
    Date::from_calendar_date(i32::from(date.year), month, date.day).ok()
}

#[cfg(test)]
mod tests {
    use super::{Day, Moment};
    use alloc::string::ToString;

    #[test]
    fn reads_offsets_and_cuts_fractions() {
        let noon = Moment::from_unix(1_795_428_000);
        for text in [
            "2026-11-23T10:00:00Z",
            "2026-11-23T11:00:00+01:00",
            "2026-11-23T10:00:00.999Z",
            "2026-11-23T00:30:00-09:30",
        ] {
            assert_eq!(Moment::parse(text), Some(noon), "{text}");
        }
        for text in
            ["2026-11-23T10:00:00", "2026-11-23", "10:00:00", "2026-02-30T00:00:00Z", "2026-11-23T24:00:00Z", "", "now"]
        {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }

    #[test]
    fn prints_what_it_reads() {
        for text in ["1970-01-01T00:00:00Z", "2026-11-23T10:00:00Z", "2100-02-28T23:59:59Z"] {
            assert_eq!(Moment::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            Moment::parse("2027-02-28T00:00:00Z").unwrap().as_expiry_time().unwrap().to_string(),
            "20270228000000Z"
        );
        assert!(Moment::from_unix(i64::MAX).as_expiry_time().is_none());
        assert!(Moment::from_unix(i64::MIN).to_string().contains("seconds"));
    }

    #[test]
    fn plausible_is_1980_to_2100() {
        assert!(!Moment::parse("1979-12-31T23:59:59Z").unwrap().is_plausible());
        assert!(Moment::parse("1980-01-01T00:00:00Z").unwrap().is_plausible());
        assert!(Moment::parse("2099-12-31T23:59:59Z").unwrap().is_plausible());
        assert!(!Moment::parse("2100-01-01T00:00:00Z").unwrap().is_plausible());
    }

    #[test]
    fn a_clock_set_back_brings_nothing_back() {
        let applied = Moment::parse("2026-11-23T10:00:00Z");
        let earlier = Moment::parse("2020-01-01T00:00:00Z").unwrap();
        let dead = Moment::from_unix(0);
        assert_eq!(earlier.not_before(applied), applied.unwrap());
        assert_eq!(dead.not_before(applied), dead, "rule 2 must see a dead clock");
        assert_eq!(earlier.not_before(None), earlier);
    }

    #[test]
    fn a_day_ends_with_its_last_second() {
        let day = Day::from_datetime(&"2027-12-31".parse().unwrap()).unwrap();
        assert!(!day.is_past(Moment::parse("2027-12-31T23:59:59Z").unwrap()));
        assert!(day.is_past(Moment::parse("2028-01-01T00:00:00Z").unwrap()));
        assert_eq!(day.to_string(), "2027-12-31");
        assert!(Day::from_datetime(&"2027-12-31T00:00:00Z".parse().unwrap()).is_none());
    }
}

use std::fmt;

use serde::{Deserialize, Serialize};

/// A day of the Gregorian calendar, counted from 1970-01-01; written `2027-03-31`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Day(pub u32);

/// Days from the first of March of the year 0, with which a leap day is the last of its year, to 1970-01-01.
const SHIFT: u64 = 719_468;

impl Day {
    /// Year, month and day of the month.
    #[must_use]
    pub fn civil(self) -> (u64, u64, u64) {
        let shifted = u64::from(self.0) + SHIFT;
        let era = shifted / 146_097;
        let day_of_era = shifted % 146_097;
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        (era * 400 + year_of_era + u64::from(month <= 2), month, day)
    }

    /// Reads `2027-03-31`.
    ///
    /// # Errors
    /// A sentence, when there is no such day or it is before 1970.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is no day as `2027-03-31`", text.escape_debug());
        let parts: Vec<&str> = text.split('-').collect();
        let [year, month, day] = parts[..] else { return Err(wrong()) };
        let number = |part: &str, digits: usize| {
            let plain = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| part.parse::<u64>().ok()).flatten().ok_or_else(wrong)
        };
        let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
        if !(1..=12).contains(&month) || year < 1970 {
            return Err(wrong());
        }
        let years = year - u64::from(month <= 2);
        let shifted_month = if month > 2 { month - 3 } else { month + 9 };
        let before = years * 365 + years / 4 - years / 100 + years / 400 + (153 * shifted_month + 2) / 5;
        let found = u32::try_from((before + day).saturating_sub(SHIFT + 1)).map(Self).map_err(|_| wrong())?;
        // A 31st of April is another day.
        if found.civil() == (year, month, day) { Ok(found) } else { Err(wrong()) }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

impl TryFrom<String> for Day {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::Day;

    #[test]
    fn every_day_is_read_as_it_is_written() {
        for day in (0..60_000).map(Day) {
            assert_eq!(Day::parse(&day.to_string()), Ok(day));
        }
        assert_eq!(Day(0).to_string(), "1970-01-01");
        assert_eq!(Day::parse("2024-02-29"), Ok(Day(19_782)));
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "",
            "2023-02-29",
            "2024-13-01",
            "2024-00-10",
            "2024-01-00",
            "24-01-01",
            "1969-12-31",
            "2024-1-01",
            "2024-01-01 ",
        ] {
            assert!(Day::parse(text).is_err(), "{text}");
        }
        assert_eq!(Day::parse("2024-04-31").unwrap_err(), "`2024-04-31` is no day as `2027-03-31`");
    }
}

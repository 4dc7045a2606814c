use crate::host::Progress;

/// Turns what apt writes to its status descriptor into progress: `dlstatus:N:PERCENT:text`, `pmstatus:PACKAGE:PERCENT:text`.
///
/// Source: apt's `README.progress-reporting`.
#[derive(Debug, Default)]
pub struct Status {
    downloaded: bool,
}

/// Percents of the bar that downloading takes, when there is anything to download.
const DOWNLOAD: f32 = 30.0;

impl Status {
    /// Reads one line; lines that say nothing to people give nothing.
    pub fn read(&mut self, line: &str) -> Option<Progress> {
        let (kind, rest) = line.split_once(':')?;
        // A package name may hold a colon itself (`libc6:amd64`): the number tells where it ends.
        let mut parts = rest.split(':');
        let percent: f32 = parts.by_ref().skip(1).find_map(|part| part.parse().ok())?;
        let text = parts.collect::<Vec<_>>().join(":");
        if text.trim().is_empty() {
            return None;
        }
        let percent = match kind {
            "dlstatus" => {
                self.downloaded = true;
                percent * DOWNLOAD / 100.0
            }
            "pmstatus" if self.downloaded => DOWNLOAD + percent * (100.0 - DOWNLOAD) / 100.0,
            "pmstatus" => percent,
            _ => return None,
        };
        Some(Progress::Step { text: lower_first(text.trim()), percent: Some(percent.clamp(0.0, 100.0)) })
    }
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::Status;
    use crate::host::Progress;

    #[test]
    fn percents_are_of_the_whole() {
        let mut status = Status::default();
        let lines = [
            "dlstatus:1:50:Retrieving file 1 of 2",
            "pmstatus:lab-app:50.0:Unpacking lab-app (all)",
            "pmstatus:libc6:amd64:100.0000:Installed libc6 (amd64)",
            "pmstatus:dpkg-exec:0.0:Running dpkg",
            "pmerror:lab-bad:50:installed lab-bad package post-installation script subprocess returned error exit status 7",
            "pmstatus:x:1:",
            "noise",
        ];
        let read: Vec<_> = lines.iter().map(|line| status.read(line)).collect();
        let step = |text: &str, percent| Some(Progress::Step { text: text.to_owned(), percent: Some(percent) });
        assert_eq!(
            read,
            [
                step("retrieving file 1 of 2", 15.0),
                step("unpacking lab-app (all)", 65.0),
                step("installed libc6 (amd64)", 100.0),
                step("running dpkg", 30.0),
                None,
                None,
                None,
            ]
        );
    }
}

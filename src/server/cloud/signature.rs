//! AWS Signature Version 4. Source: AWS, "Create a signed AWS API request".
use brasa::values::{Digest, Secret};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What a request is signed by.
pub struct Signature<'a> {
    /// The id of the access key.
    pub id: &'a str,
    /// The secret of the access key.
    pub secret: &'a Secret,
    /// The region, as `eu-central-1`.
    pub region: &'a str,
    /// The service, as `ec2`.
    pub service: &'a str,
    /// The time, as `20150830T123600Z`.
    pub stamp: &'a str,
}

impl Signature<'_> {
    /// The header `authorization` of a request for a path without a query, whose signed headers are given in small letters and
    /// in the order of the alphabet, `host` and `x-amz-date` among them.
    pub fn authorization(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> String {
        let day = self.stamp.get(..8).unwrap_or_default();
        let scope = [day, self.region, self.service, "aws4_request"].join("/");
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let lines: String = headers.iter().map(|(name, value)| [name, ":", value.trim(), "\n"].concat()).collect();
        let body = Digest::of(body).to_string();
        // The empty line is the query.
        let canonical = [method, path, "", &lines, &names, &body].join("\n");
        let hashed = Digest::of(canonical.as_bytes()).to_string();
        let text = ["AWS4-HMAC-SHA256", self.stamp, &scope, &hashed].join("\n");
        let first = mac(["AWS4", self.secret.expose()].concat().as_bytes(), day);
        let key = [self.region, self.service, "aws4_request"].iter().fold(first, |key, part| mac(&key, part));
        let signature = Digest::from_raw(mac(&key, &text));
        format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}", self.id)
    }
}

fn mac(key: &[u8], text: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::Signature;

    /// AWS's published examples, as botocore's tests have them (`aws4_testsuite`).
    #[test]
    fn the_published_examples_are_signed_as_published() {
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into();
        let stamp = "20150830T123600Z";
        let signature =
            Signature { id: "AKIDEXAMPLE", secret: &secret, region: "us-east-1", service: "service", stamp };
        let (host, date) = (("host", "example.amazonaws.com"), ("x-amz-date", stamp));
        let token = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
        let form = "application/x-www-form-urlencoded";
        for (method, headers, body, names, hash) in [
            // get-vanilla
            (
                "GET",
                vec![host, date],
                "",
                "host;x-amz-date",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            // post-x-www-form-urlencoded
            (
                "POST",
                vec![("content-type", form), host, date],
                "Param1=value1",
                "content-type;host;x-amz-date",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
            // post-header-key-sort
            (
                "POST",
                vec![host, ("my-header1", "value1"), date],
                "",
                "host;my-header1;x-amz-date",
                "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
            ),
            // post-sts-header-before
            (
                "POST",
                vec![host, date, ("x-amz-security-token", token)],
                "",
                "host;x-amz-date;x-amz-security-token",
                "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
            ),
        ] {
            assert_eq!(
                signature.authorization(method, "/", &headers, body.as_bytes()),
                format!(
                    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={names}, Signature={hash}"
                )
            );
        }
    }
}

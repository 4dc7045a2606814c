//! A local gem source with a small gem in two versions.

use crate::article::article_repo;
use crate::cache;
use crate::container::Container;
use crate::error::Result;
use crate::repository::Repository;
use crate::roots::{DEBIAN, root};

/// Builds `lab_gem` 1.0.0 and 1.1.0 with the real tool and indexes them as a source.
const BUILD: &str = r#"set -e
export DEBIAN_FRONTEND=noninteractive HOME=/root
apt-get -qq update
apt-get -qq -y --no-install-recommends install ruby >/dev/null
mkdir -p /build/lib /out/gems
cd /build
for version in 1.0.0 1.1.0; do
    echo "module LabGem; VERSION = '$version'; end" >lib/lab_gem.rb
    cat >lab_gem.gemspec <<END
Gem::Specification.new do |gem|
  gem.name = 'lab_gem'
  gem.version = '$version'
  gem.summary = 'synthetic test gem'
  gem.authors = ['Lab']
  gem.license = 'MIT'
  gem.homepage = 'http://localhost/'
  gem.files = ['lib/lab_gem.rb']
end
END
    gem build --quiet --output "/out/gems/lab_gem-$version.gem" lab_gem.gemspec
done
gem generate_index --quiet --directory /out
"#;

/// A gem source with `lab_gem` 1.0.0 and 1.1.0, which a container using it has as its only one.
///
/// # Errors
/// [`crate::Error`] if what it is built in cannot be had.
pub fn gem_repo() -> Result<Repository> {
    let (base, packages) = (root(DEBIAN)?, article_repo()?);
    let recipe = format!("{} {BUILD}", packages.artefact().identity());
    let artefact = cache::artefact("gems", &recipe, |directory| {
        let machine =
            Container::of(base).without_init().repository(&packages).bind_writable(directory, "/out").start()?;
        machine.sh(BUILD).success();
        Ok(())
    })?;
    Ok(Repository::gems(artefact))
}

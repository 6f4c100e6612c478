# make build · make deb · make demo · make test · make campaign · make bench
# Each sets up what it needs and says what it installs.

CARGO ?= cargo
TARGET := x86_64-unknown-linux-gnu
# Where it is built. Another place gives the same bytes: `make rebuild-check`.
OUT := target
DIST := $(OUT)/dist
# Where crates lie on the builder's disk is no part of a program: it would make other bytes on each machine.
REMAP := --remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)/registry/src=crates
LIBRARIES := $(DIST)/usr/lib/x86_64-linux-gnu/security

.PHONY: build deb deb-check rebuild-check demo test campaign bench packages clean

build: packages
	RUSTFLAGS="$(REMAP)" $(CARGO) build --release --locked --target-dir $(OUT)
	# sshd runs tom-authorized-keys for every key that any stranger offers: linked statically it starts in
	# two thirds of the time, and loads nothing.
	RUSTFLAGS="-C target-feature=+crt-static $(REMAP)" $(CARGO) build --release --locked -p sshd-hook --target $(TARGET) --target-dir $(OUT)/static
	install -D -m 0755 $(OUT)/static/$(TARGET)/release/tom-authorized-keys $(DIST)/usr/lib/tom/tom-authorized-keys
	install -D -m 0644 $(OUT)/release/libpam_tom.so $(LIBRARIES)/pam_tom.so
	install -D -m 0755 $(OUT)/release/tom $(DIST)/usr/bin/tom
	install -D -m 0755 $(OUT)/release/tom-enroll-piv $(DIST)/usr/lib/tom/tom-enroll-piv
	rm -rf $(DIST)/usr/share/tom/trust
	install -D -m 0644 -t $(DIST)/usr/share/tom/trust packaging/trust/*

# The Debian package, target/deb/tom_VERSION_amd64.deb. `make deb VERSION=…` gives it another version, for a test of
# an upgrade.
deb: build
	packaging/deb/build $(VERSION)

# What must hold of it without installing it: the same bytes twice, its files, lintian, every crate's copyright.
deb-check: deb
	packaging/deb/check

# The programs built again from nothing, elsewhere: byte for byte the same.
rebuild-check: build
	rm -rf target/again
	$(MAKE) build OUT=target/again
	diff --recursive --brief target/dist target/again/dist
	rm -rf target/again

# Everything that must hold, in one command; .ci/run calls it.
test: deb-check
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items --locked
	.ci/check-dependencies
	.ci/run-tests

# The long ones: every system call made to fail, a million decisions against the second model, a thousand
# logins while the policy is exchanged, every maintainer script killed at every command, the login tests against the
# installed package, piuparts and autopkgtest, Miri over the pointers, ten minutes of each fuzz target.
campaign: deb rebuild-check
	TOM_CAMPAIGN=1 NEXTEST_PROFILE=campaign .ci/run-tests
	TOM_BENCH_PACKAGE=1 $(CARGO) nextest run --locked -p tom-tests -E 'binary(/^(login_|case_|proof_logins)/)'
	packaging/piuparts.sh bookworm trixie
	packaging/autopkgtest/run bookworm trixie
	python3 tests/second-model/compare.py --tom $(DIST)/usr/bin/tom --seed $$(date +%s) --policies 10000 --requests 100
	.ci/run-miri
	.ci/run-fuzz

# A sample company and real logins on Debian 12's and 13's sshd: who, with which key, from where, and why.
demo: build
	$(CARGO) build --locked -p tom-tests --bin demo
	target/debug/demo

# Speed, as ratios measured in one run. `make bench PARTS="hook decide"` runs these parts; all take seven minutes.
bench: build
	$(CARGO) build --release --locked -p tom-tests --bins
	$(CARGO) build --release --locked -p libtom --example time-proof
	target/release/bench $(PARTS)

packages:
	tests/roots/install-packages.sh

clean:
	$(CARGO) clean

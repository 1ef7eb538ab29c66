# The commands of this repository. `make help` lists them; CONTRIBUTING.md says when to use which.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help test scenario dashboard screenshots lint dist infra bench tools clean

TOOLS := target/tools
VENV := $(CURDIR)/$(TOOLS)/venv/bin

# The glibc that `connector` is linked for: the newest that `hb-sentinel package` lets pass.
TARGET := x86_64-unknown-linux-gnu
GLIBC := 2.28

# When the story of the dashboard's preview ends, so that it shows the same on any day.
STORY_END := 2026-10-01T12:00:00Z

# The binary must not tell where it was built, and be the same wherever it was.
RELEASE_FLAGS := --remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)=cargo --remap-path-prefix=$(CURDIR)=.

# Links for the old glibc, on any machine.
ZIGBUILD = PATH="$(VENV):$$PATH" RUSTFLAGS="$(RELEASE_FLAGS)" \
	CARGO_ZIGBUILD_CACHE_DIR="$(CURDIR)/$(TOOLS)/zig/wrappers" ZIG_GLOBAL_CACHE_DIR="$(CURDIR)/$(TOOLS)/zig/cache" \
	cargo zigbuild --locked --release --target $(TARGET).$(GLIBC)

CARGO_CYCLONEDX_VERSION := 0.5.9
CARGO_CYCLONEDX := $(TOOLS)/cargo-cyclonedx-$(CARGO_CYCLONEDX_VERSION)/bin/cargo-cyclonedx
CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := $(TOOLS)/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: tools ## Run every test, and say what was skipped for want of a tool
	@tests/tools/run-tests

scenario: tools ## Run the rules and hunts over the events of FILE, a scenario as content/README.md describes it
	@$(VENV)/python -B content hb_content.scenario run $(if $(FILE),"$(FILE)")

dashboard: tools ## Draw the CISO Dashboard over rows of the demo: target/dashboard.html
	cargo run --locked --quiet -- demo --json --until $(STORY_END) --dashboard target/dashboard.html >/dev/null

screenshots: dashboard ## Take the pictures of the dashboard that the documents show (needs Chromium)
	node content/tests/page/screenshots.mjs target/dashboard.html sentinel/workbooks/images

lint: tools $(CARGO_DENY) ## Check format, lints, types, documentation, licenses and links, of every language
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --bin connector --no-default-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items
	$(CARGO_DENY) --locked check --hide-inclusion-graph bans licenses sources
	@tests/tools/lint

dist: tools $(CARGO_CYCLONEDX) ## Build the package and `hb-sentinel` with the package inside, checksums and SBOM into dist/
	@test -x $(VENV)/cargo-zigbuild || { echo "make dist needs Python: see the line above" >&2; exit 1; }
	@test -d "$$(rustc --print target-libdir --target $(TARGET))" || \
	  { echo "make dist needs the Rust target: rustup target add $(TARGET)" >&2; exit 1; }
	$(ZIGBUILD) --bin connector --no-default-features
	cargo run --locked --quiet -- package --connector target/$(TARGET)/release/connector --output dist/connector.zip
	$(VENV)/python tests/tools/check_dist.py dist/connector.zip
	HB_SENTINEL_PACKAGE=dist/connector.zip $(ZIGBUILD) --bin hb-sentinel
	cp target/$(TARGET)/release/hb-sentinel dist/hb-sentinel
	SOURCE_DATE_EPOCH=0 $(CARGO_CYCLONEDX) cyclonedx --quiet --format json --target $(TARGET) --override-filename hb-sentinel.cdx
	sed 's#$(CURDIR)#/humanbound-sentinel#g' hb-sentinel.cdx.json >dist/hb-sentinel.cdx.json
	rm hb-sentinel.cdx.json
	cd dist && sha256sum connector.zip hb-sentinel hb-sentinel.cdx.json >SHA256SUMS && cat SHA256SUMS

infra: ## Rebuild what is generated from infra/*.bicep and sentinel/ (needs the Bicep compiler and `make tools`)
	UPDATE=1 cargo test --locked --test it -- --exact infra::generated::generated_files_are_what_their_sources_give \
	  content::package::generated_files_are_what_their_sources_give content::coverage::tables_are_what_the_content_gives

bench: ## Measure throughput and latency; benches/README.md explains the numbers
	cargo bench --locked --bench throughput

tools: ## Install what some tests and `dist` run into target/tools
	@tests/tools/setup

clean: ## Remove everything that was built, tools included
	cargo clean
	rm -rf dist

# Tools that no package brings. Optimizing them would cost more than it saves.
INSTALL = CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
	cargo install --quiet --locked --target-dir $(TOOLS)/build

$(CARGO_DENY):
	$(INSTALL) --root $(TOOLS)/cargo-deny-$(CARGO_DENY_VERSION) cargo-deny@$(CARGO_DENY_VERSION)
	rm -rf $(TOOLS)/build

$(CARGO_CYCLONEDX):
	$(INSTALL) --root $(TOOLS)/cargo-cyclonedx-$(CARGO_CYCLONEDX_VERSION) cargo-cyclonedx@$(CARGO_CYCLONEDX_VERSION)
	rm -rf $(TOOLS)/build

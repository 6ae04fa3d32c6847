#!/usr/bin/env bash
# Compiles the gadgets: rebuild.sh [DIR] writes NAME.bpf.o there, or beside the sources. Needs clang, llvm and libbpf-dev.
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
out=${1:-.}
include=/usr/include/$(gcc -dumpmachine)
for source in *.bpf.c; do
	object=$out/$(basename "$source" .c).o
	clang -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Wno-unused-parameter -Werror -D__TARGET_ARCH_x86 -I "$include" -c "$source" -o "$object"
	llvm-strip -g "$object"
done

// SPDX-License-Identifier: Apache-2.0
//
// Preloaded into a gateway: once the file that SHORT_MEMORY names is there, every PERIODth allocation
// begins a run of RUN that fail, more than any reserve has pieces. On the first thread alone, the
// loop's.
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { kRun = 100 };

extern void *__libc_malloc(size_t size);

static unsigned long count;
static unsigned long period;
static unsigned failing;

static int IsShort(void) {
  if (syscall(SYS_gettid) != getpid()) return 0;
  if (failing > 0) {
    --failing;
    return 1;
  }
  ++count;
  if (count % 512 == 0 && period == 0) {
    const char *const file = getenv("SHORT_MEMORY");
    if (file != NULL && access(file, F_OK) == 0) period = strtoul(getenv("SHORT_PERIOD"), NULL, 10);
  }
  if (period == 0 || count % period != 0) return 0;
  failing = kRun;
  return 1;
}

void *malloc(size_t size) { return IsShort() ? NULL : __libc_malloc(size); }

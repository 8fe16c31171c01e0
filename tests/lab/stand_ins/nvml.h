/* What the functions of the NVML stand-in share: return codes, handles, answers from the table. */
#ifndef NVML_H
#define NVML_H
#include "table.h"

typedef int Return;
enum { OK = 0, UNINITIALIZED = 1, INVALID = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, TOO_SMALL = 7 };

extern int nvml_users; /* how often NVML was started */

static inline int gpu_count(void) { return (int)number("nvml", "gpus", number("cuda", "gpus", 1)); }

/* A handle is the GPU's index + 1; that of a MIG slice has the slice above it. */
static inline int index_of(void *handle) { return (int)((size_t)handle & 0xff) - 1; }

static inline Return enter(const char *function) {
  Return fault = failure("nvml", function);
  if (fault) return fault;
  return nvml_users ? OK : UNINITIALIZED;
}

static inline Return gpu(void *handle, const char *function) {
  Return fault = enter(function);
  if (fault) return fault;
  if (index_of(handle) < 0 || index_of(handle) >= gpu_count()) return INVALID;
  const char *section = gpu_section(index_of(handle));
  fault = (Return)number(section, "every", 0);
  return fault ? fault : failure(section, function);
}

static inline Return ask(void *handle, const char *function, const char *key, long long otherwise, long long *value) {
  Return fault = gpu(handle, function);
  if (fault) return fault;
  const char *section = gpu_section(index_of(handle));
  if (!strcmp(said(section, key, ""), "unsupported")) return NOT_SUPPORTED;
  *value = number(section, key, otherwise);
  return OK;
}

#define ENTER do { Return fault = enter(__func__); if (fault) return fault; } while (0)
#define GPU(handle) do { Return fault = gpu(handle, __func__); if (fault) return fault; } while (0)
#define ASK(handle, key, otherwise, value) \
  do { Return fault = ask(handle, __func__, key, otherwise, &value); if (fault) return fault; } while (0)
#define SAY(text, room, words) do { snprintf(text, room, "%s", words); return OK; } while (0)
#define LAYOUT(type, size) _Static_assert(sizeof(struct type) == size, #type)
/* A function of a handle that answers one number, and one with something asked for before it. */
#define NUMBER(function, key, otherwise) \
  API Return function(void *handle, unsigned *out) { long long v; ASK(handle, key, otherwise, v); *out = (unsigned)v; return OK; }
#define NUMBER_OF(function, key, otherwise) \
  API Return function(void *handle, unsigned kind, unsigned *out) { long long v; ASK(handle, key, otherwise, v); *out = (unsigned)v; return OK; }
#endif

/* What the NVML stand-in says of faults: recovery action, NVLink fabric, SRAM, NVLinks, Xids. */
#include <time.h>
#include "nvml.h"

union value { double d; unsigned u; unsigned long ul; unsigned long long ull; };
struct field { unsigned id, scope; long long at, latency; unsigned type; Return result; union value value; };
struct fabric { unsigned version; unsigned char cluster[16]; Return status; unsigned clique; unsigned char state; unsigned health; };
struct sram { unsigned version; unsigned long long counts[11]; unsigned exceeded; };
struct event { void *device; unsigned long long type, data; unsigned gpu_instance, compute_instance; };
LAYOUT(field, 40); LAYOUT(fabric, 36); LAYOUT(sram, 104); LAYOUT(event, 32);
enum { TIMEOUT = 10, UNSIGNED_LONG_LONG = 3, XID = 8, VOLATILE_PARITY = 3 };

static int reported[16]; /* GPUs with an Xid that was taken */

/* A field N that the table has as `field_N`; others are not supported, each by its own code. A value
 * such as `15%` is a counter of nanoseconds that grows by this share of the time. */
static unsigned long long field_value(const char *text) {
  struct timespec now;
  if (!strchr(text, '%')) return strtoull(text, NULL, 0);
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (unsigned long long)(strtod(text, NULL) / 100 * ((double)now.tv_sec * 1e9 + (double)now.tv_nsec));
}

API Return nvmlDeviceGetFieldValues(void *handle, int count, struct field *fields) {
  GPU(handle);
  for (int i = 0; i < count; i++) {
    char key[32];
    snprintf(key, sizeof key, "field_%u", fields[i].id);
    const char *value = said(gpu_section(index_of(handle)), key, fields[i].id == 230 ? "0" : "unsupported");
    if (reported[index_of(handle)]) { /* after an Xid of this process */
      snprintf(key, sizeof key, "field_%u_after", fields[i].id);
      value = said(gpu_section(index_of(handle)), key, value);
    }
    fields[i].result = strcmp(value, "unsupported") ? OK : NOT_SUPPORTED;
    fields[i].type = UNSIGNED_LONG_LONG;
    fields[i].value.ull = field_value(value);
  }
  return OK;
}

API Return nvmlDeviceGetGpuFabricInfoV(void *handle, struct fabric *fabric) {
  long long value;
  ASK(handle, "fabric_state", 0, value);
  fabric->state = (unsigned char)value;
  ASK(handle, "fabric_status", 0, value);
  fabric->status = (Return)value;
  ASK(handle, "fabric_health", 0, value);
  fabric->health = (unsigned)value;
  return OK;
}

API Return nvmlDeviceGetSramEccErrorStatus(void *handle, struct sram *status) {
  long long value;
  ASK(handle, "sram_uncorrectable", 0, value);
  status->counts[VOLATILE_PARITY] = (unsigned long long)value;
  ASK(handle, "sram_exceeded", 0, value);
  status->exceeded = (unsigned)value;
  return OK;
}

API Return nvmlDeviceGetNvLinkState(void *handle, unsigned link, unsigned *active) {
  long long links;
  ASK(handle, "nvlinks", 0, links);
  long long down;
  ASK(handle, "nvlinks_down", 0, down);
  *active = link >= down;
  return link < links ? OK : NOT_SUPPORTED;
}

NUMBER(nvmlDeviceGetPowerManagementLimit, "power_limit_mw", 700000)
NUMBER(nvmlDeviceGetPowerManagementDefaultLimit, "default_power_limit_mw", 700000)

/* Events: each GPU's `xids`, such as 48 94, once it is registered. */
struct set { int gpus[64], queued, taken; unsigned long long numbers[64]; };

API Return nvmlEventSetCreate(void **set) { ENTER; *set = calloc(1, sizeof(struct set)); return OK; }
API Return nvmlEventSetFree(void *set) { ENTER; free(set); return OK; }
API Return nvmlDeviceRegisterEvents(void *handle, unsigned long long types, void *chosen) {
  GPU(handle);
  struct set *set = chosen;
  char text[256], *rest = text, *word;
  snprintf(text, sizeof text, "%s", said(gpu_section(index_of(handle)), "xids", ""));
  while ((word = strsep(&rest, " ")) && set->queued < 64)
    if (*word && types & XID) {
      set->gpus[set->queued] = index_of(handle);
      set->numbers[set->queued++] = strtoull(word, NULL, 10);
    }
  return OK;
}
API Return nvmlEventSetWait_v2(void *chosen, struct event *event, unsigned msec) {
  ENTER;
  struct set *set = chosen;
  if (set->taken == set->queued) return TIMEOUT;
  int gpu = set->gpus[set->taken];
  *event = (struct event){(void *)(size_t)(gpu + 1), XID, set->numbers[set->taken++], 0, 0};
  reported[gpu & 15] = 1;
  return OK;
}

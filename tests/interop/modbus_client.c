/* How fast libmodbus reads: `modbus_client SECONDS PORT...` asks each port in turn for 125 registers and prints how many
 * answers came and the processor time it took, in seconds. */
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

int main(int count, char **words) {
    int devices = count - 2;
    modbus_t *device[64];
    uint16_t registers[125];
    if (devices < 1 || devices > 64)
        return 2;
    for (int at = 0; at < devices; at++) {
        device[at] = modbus_new_tcp("127.0.0.1", atoi(words[at + 2]));
        if (modbus_connect(device[at]) != 0)
            return 1;
    }
    double end = now() + atof(words[1]);
    long answers = 0;
    while (now() < end)
        for (int at = 0; at < devices; at++)
            answers += modbus_read_registers(device[at], 0, 125, registers) == 125;
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    printf("%ld %f\n", answers,
           used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
    for (int at = 0; at < devices; at++) {
        modbus_close(device[at]);
        modbus_free(device[at]);
    }
    return 0;
}

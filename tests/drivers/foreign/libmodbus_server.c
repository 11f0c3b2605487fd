/* A Modbus slave made of libmodbus alone: `libmodbus_server tcp` or `libmodbus_server rtu /dev/pts/N`.
 * Prints "ready PORT" (0 for rtu), then answers until it is killed.
 * The bytes of floats are placed by hand: modbus_set_float_abcd() and its sisters of libmodbus 3.1.6 lay them
 * out in the memory of the host, so that on a little-endian one "abcd" leaves as BADC (seen here). */
#include <arpa/inet.h>
#include <modbus/modbus.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define UNIT 3
#define REGISTERS 64

static void put(uint16_t *at, float value, const char *order)
{
    uint32_t bits;
    uint8_t wire[4];

    memcpy(&bits, &value, sizeof bits);
    for (int i = 0; i < 4; i++)
        wire[i] = (uint8_t)(bits >> (24 - 8 * (order[i] - 'A')));
    at[0] = (uint16_t)((wire[0] << 8) | wire[1]);
    at[1] = (uint16_t)((wire[2] << 8) | wire[3]);
}

static void fill(uint16_t *at)
{
    uint64_t wide;
    double precise = -2.5e-3;
    const char *tag = "CA80-VN";

    put(at + 0, 7.85f, "ABCD");
    put(at + 2, 7.85f, "CDAB");
    put(at + 4, 7.85f, "BADC");
    put(at + 6, 7.85f, "DCBA");
    at[10] = (uint16_t)-1234;
    at[11] = 54321;
    MODBUS_SET_INT32_TO_INT16(at, 12, -123456789);
    MODBUS_SET_INT32_TO_INT16(at, 14, (int32_t)4000000000u);
    MODBUS_SET_INT64_TO_INT16(at, 16, -1234567890123456789LL);
    memcpy(&wide, &precise, sizeof wide);
    MODBUS_SET_INT64_TO_INT16(at, 20, wide);
    at[24] = 0x1234;
    at[25] = 0x1234;
    at[26] = 0x5678;
    for (int i = 0; i < 4; i++)
        at[27 + i] = (uint16_t)((tag[2 * i] << 8) | (tag[2 * i] ? tag[2 * i + 1] : 0));
    at[31] = 0x8004;
}

static int serve(modbus_t *ctx, modbus_mapping_t *map)
{
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    for (;;) {
        int length = modbus_receive(ctx, query);
        if (length == -1)
            return -1;
        if (length > 0 && modbus_reply(ctx, query, length, map) == -1)
            return -1;
    }
}

int main(int argc, char **argv)
{
    modbus_mapping_t *map = modbus_mapping_new(32, 32, REGISTERS, REGISTERS);
    if (argc < 2 || map == NULL)
        return 2;
    fill(map->tab_registers);
    fill(map->tab_input_registers);
    for (int i = 0; i < 32; i++) {
        map->tab_bits[i] = i % 3 == 0;
        map->tab_input_bits[i] = i % 5 == 0;
    }
    if (strcmp(argv[1], "rtu") == 0 && argc > 2) {
        modbus_t *ctx = modbus_new_rtu(argv[2], 115200, 'N', 8, 1);
        if (ctx == NULL || modbus_set_slave(ctx, UNIT) == -1 || modbus_connect(ctx) == -1)
            return 3;
        printf("ready 0\n");
        fflush(stdout);
        for (;;)
            serve(ctx, map);
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1))
        return 4;
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("ready %d\n", ntohs(address.sin_port));
    fflush(stdout);
    modbus_t *ctx = modbus_new_tcp("127.0.0.1", 1502);
    for (;;) {
        if (modbus_tcp_accept(ctx, &listener) == -1)
            return 5;
        serve(ctx, map);
        modbus_close(ctx);
    }
}

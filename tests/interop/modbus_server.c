/* A Modbus TCP server made with libmodbus, for the tests: `modbus_server`, then it prints its port and serves.
 *
 * Registers hold their own address, coils and discrete inputs are on where their address is odd. It ends when its
 * standard input does. */
#include <errno.h>
#include <modbus.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#define CELLS 20000

int main(void) {
    modbus_t *context = modbus_new_tcp("127.0.0.1", 0);
    modbus_mapping_t *cells = modbus_mapping_new(CELLS, CELLS, CELLS, CELLS);
    if (context == NULL || cells == NULL)
        return 1;
    for (int at = 0; at < CELLS; at++) {
        cells->tab_bits[at] = cells->tab_input_bits[at] = at & 1;
        cells->tab_registers[at] = cells->tab_input_registers[at] = (uint16_t)at;
    }
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof place;
    if (bind(listener, (struct sockaddr *)&place, size) != 0 || listen(listener, 16) != 0 ||
        getsockname(listener, (struct sockaddr *)&place, &size) != 0)
        return 1;
    printf("%d\n", ntohs(place.sin_port));
    fflush(stdout);

    fd_set open;
    int highest = listener > STDIN_FILENO ? listener : STDIN_FILENO;
    FD_ZERO(&open);
    FD_SET(listener, &open);
    FD_SET(STDIN_FILENO, &open);
    for (;;) {
        fd_set ready = open;
        if (select(highest + 1, &ready, NULL, NULL, NULL) < 0 && errno != EINTR)
            return 1;
        if (FD_ISSET(STDIN_FILENO, &ready))
            break;
        for (int peer = 0; peer <= highest; peer++) {
            if (!FD_ISSET(peer, &ready))
                continue;
            if (peer == listener) {
                int accepted = accept(listener, NULL, NULL);
                if (accepted >= 0) {
                    FD_SET(accepted, &open);
                    highest = accepted > highest ? accepted : highest;
                }
                continue;
            }
            uint8_t question[MODBUS_TCP_MAX_ADU_LENGTH];
            modbus_set_socket(context, peer);
            int length = modbus_receive(context, question);
            if (length > 0)
                modbus_reply(context, question, length, cells);
            else if (length < 0) {
                close(peer);
                FD_CLR(peer, &open);
            }
        }
    }
    modbus_mapping_free(cells);
    modbus_free(context);
    return 0;
}

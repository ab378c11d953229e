/* What the examples in C share with the network that they link. */
#ifndef NETWORK_H
#define NETWORK_H

#define PIXELS (8 * 8)

/* The class of an image of 8-bit pixels, row by row, or -1 after a message to standard error. */
int classify(const unsigned char pixels[PIXELS]);

#endif

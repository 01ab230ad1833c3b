/* Included before everything else that C compilers see, for glommio's bundled liburing on glibc
   2.43 and newer. Assembler sources, which other crates have, would not understand it. */
#ifndef __ASSEMBLER__
#include <fcntl.h>
#endif

// The twin of server-amd64.S for 64-bit ARM Linux, label by label. What it does and why is told there.

        .text

        .set    BASE, 0x400000                  // where it is loaded
        .set    PORT, 8080
        .set    LIMIT, 65536                    // bytes read of a request, and of a file

        .set    SYS_openat, 56
        .set    SYS_close, 57
        .set    SYS_read, 63
        .set    SYS_write, 64
        .set    SYS_exit_group, 94
        .set    SYS_rt_sigaction, 134
        .set    SYS_socket, 198
        .set    SYS_bind, 200
        .set    SYS_listen, 201
        .set    SYS_accept, 202
        .set    SYS_connect, 203
        .set    SYS_sendto, 206
        .set    SYS_recvfrom, 207
        .set    SYS_setsockopt, 208
        .set    SYS_shutdown, 210

        .set    AT_FDCWD, -100
        .set    AF_INET, 2
        .set    SOCK_STREAM, 1
        .set    SOL_SOCKET, 1
        .set    SO_REUSEADDR, 2
        .set    SO_RCVTIMEO, 20
        .set    SO_SNDTIMEO, 21
        .set    SHUT_WR, 1
        .set    MSG_NOSIGNAL, 0x4000
        .set    SIGINT, 2
        .set    SIGTERM, 15
        .set    SA_RESTORER, 0x04000000

// --- the ELF header: one segment to read and run, and a stack that cannot be run ----------------------------------

image:  .ascii  "\x7f" "ELF"
        .byte   2, 1, 1, 0                      // 64 bit, little-endian, version 1, System V
        .zero   8
        .short  2, 183                          // an executable for AArch64
        .long   1
        .quad   BASE + start - image
        .quad   segments - image
        .quad   0                               // no section headers
        .long   0
        .short  64, 56, 2, 0, 0, 0              // sizes of this header and of a segment's; two segments; no sections
segments:
        .long   1, 5                            // PT_LOAD, read and execute
        .quad   0, BASE, BASE
        .quad   image_end - image, image_end - image
        .quad   65536                           // the largest page of these machines
        .long   0x6474e551, 6                   // PT_GNU_STACK, read and write
        .quad   0, 0, 0, 0, 0, 16

// --- what it was asked to do ---------------------------------------------------------------------------------------
// The stack at the start: argc, argv…, 0, environment…, 0.     x20 = message, x21 = path of the file or 0

start:  ldr     x9, [sp]
        add     x10, sp, x9, lsl #3
        add     x10, x10, #16
        adr     x20, greeting
        ldr     x11, variable
variables:
        ldr     x12, [x10], #8
        cbz     x12, arguments
        ldr     x13, [x12]
        cmp     x13, x11
        b.ne    variables
        add     x20, x12, #8
        b       variables

arguments:
        mov     x21, #0
        cmp     x9, #2
        b.lo    serve
        ldr     x12, [sp, #16]
        ldr     x13, [x12]
        ldr     x11, flag_check
        cmp     x13, x11
        b.eq    check
        ldr     x11, flag_file                  // seven bytes of the eight, the zero among them
        eor     x13, x13, x11
        lsl     x13, x13, #8
        cbnz    x13, fail
        ldr     x21, [sp, #24]

// --- the server --------------------------------------------------------------------------------- w19 = listening socket

serve:  mov     x0, #SIGTERM
        bl      end_at
        mov     x0, #SIGINT
        bl      end_at

        bl      tcp
        mov     w19, w0
        mov     x1, #SOL_SOCKET
        mov     x2, #SO_REUSEADDR
        adr     x3, one
        mov     x4, #4
        mov     x8, #SYS_setsockopt
        svc     #0
        mov     w0, w19
        adr     x1, everywhere
        mov     x2, #16
        mov     x8, #SYS_bind
        svc     #0
        cbnz    x0, fail
        mov     w0, w19
        mov     x1, #128
        mov     x8, #SYS_listen
        svc     #0
        mov     x0, #1
        adr     x1, ready
        mov     x2, #ready_size
        mov     x8, #SYS_write
        svc     #0
        sub     sp, sp, #LIMIT                  // the answer: head, then body; the request before it
        sub     sp, sp, #256

// ------------------------------------------------------------------------------- w22 = connection, x23 = body in the answer

next:   mov     w0, w19
        mov     x1, #0
        mov     x2, #0
        mov     x8, #SYS_accept
        svc     #0
        tbnz    x0, #63, next
        mov     w22, w0
        bl      patience
        bl      receive
        cmp     x0, #0
        b.le    done                            // silent for two seconds, or gone

        adr     x1, head
        mov     x2, #head_size
        mov     x23, sp
copy:   ldrb    w3, [x1], #1
        strb    w3, [x23], #1
        subs    x2, x2, #1
        b.ne    copy
        cbz     x21, text
        mov     x0, #AT_FDCWD
        mov     x1, x21
        mov     x2, #0
        mov     x3, #0
        mov     x8, #SYS_openat
        svc     #0
        tbnz    x0, #63, text
        mov     w25, w0
        mov     x1, x23
        mov     x2, #LIMIT
        mov     x8, #SYS_read
        svc     #0
        mov     x24, x0
        mov     w0, w25
        mov     x8, #SYS_close
        svc     #0
        tbz     x24, #63, answer

text:   mov     x1, x20
        mov     x2, x23
        mov     x3, #LIMIT - 1
letter: ldrb    w4, [x1], #1
        cbz     w4, newline
        strb    w4, [x2], #1
        subs    x3, x3, #1
        b.ne    letter
newline:
        mov     w4, #'\n'
        strb    w4, [x2], #1
        sub     x24, x2, x23

answer: mov     x1, x24                         // the length in decimals, from the right, over the blanks in the head
        mov     x2, #10
        add     x3, sp, #head_number_end
digit:  udiv    x4, x1, x2
        msub    x5, x4, x2, x1
        add     x5, x5, #'0'
        strb    w5, [x3, #-1]!
        mov     x1, x4
        cbnz    x1, digit

        mov     w0, w22
        mov     x1, sp
        add     x2, x24, #head_size
        bl      send
        mov     w0, w22
        mov     x1, #SHUT_WR
        mov     x8, #SYS_shutdown
        svc     #0
        bl      receive                         // closing on unread bytes would reset what was just sent
done:   mov     w0, w22
        mov     x8, #SYS_close
        svc     #0
        b       next

// --- the health command --------------------------------------------------------------------------------------------

check:  bl      tcp
        mov     w22, w0
        bl      patience
        mov     w0, w22
        adr     x1, here
        mov     x2, #16
        mov     x8, #SYS_connect
        svc     #0
        cbnz    x0, fail
        mov     w0, w22
        adr     x1, request
        mov     x2, #request_size
        bl      send
        sub     sp, sp, #LIMIT
        bl      receive
        ldr     x1, [sp]
        ldr     x2, head                        // "HTTP/1.1"
        cmp     x1, x2
        b.ne    fail
end:    mov     x0, #0
exit:   mov     x8, #SYS_exit_group
        svc     #0
fail:   mov     x0, #1
        b       exit

// --- pieces --------------------------------------------------------------------------------------------------------

end_at: adr     x1, action                      // x0 = signal
        mov     x2, #0
        mov     x3, #8
        mov     x8, #SYS_rt_sigaction
        svc     #0
        ret

tcp:    mov     x0, #AF_INET                    // w0 = a new socket
        mov     x1, #SOCK_STREAM
        mov     x2, #0
        mov     x8, #SYS_socket
        svc     #0
        ret

patience:                                       // two seconds for each read and each write on w22
        mov     w0, w22
        mov     x1, #SOL_SOCKET
        mov     x2, #SO_RCVTIMEO
        adr     x3, two_seconds
        mov     x4, #16
        mov     x8, #SYS_setsockopt
        svc     #0
        mov     w0, w22
        mov     x2, #SO_SNDTIMEO
        svc     #0
        ret

receive:                                        // from w22 to the top of the stack; x0 = bytes
        mov     w0, w22
        mov     x1, sp
        mov     x2, #LIMIT
        mov     x3, #0
        mov     x4, #0
        mov     x5, #0
        mov     x8, #SYS_recvfrom
        svc     #0
        ret

send:   mov     x3, #MSG_NOSIGNAL               // x2 bytes at x1 to w0
        mov     x4, #0
        mov     x5, #0
        mov     x8, #SYS_sendto
        svc     #0
        ret

// --- constants -----------------------------------------------------------------------------------------------------

        .balign 8
action: .quad   BASE + end - image, SA_RESTORER, BASE + end - image, 0
two_seconds:
        .quad   2, 0
everywhere:
        .short  AF_INET, PORT >> 8 | (PORT & 255) << 8
        .byte   0, 0, 0, 0
        .zero   8
here:   .short  AF_INET, PORT >> 8 | (PORT & 255) << 8
        .byte   127, 0, 0, 1
        .zero   8
variable:
        .ascii  "MESSAGE="
flag_check:
        .asciz  "--check"
flag_file:
        .asciz  "--file"
        .balign 4
head:   .ascii  "HTTP/1.1 200 OK\r\n"
        .ascii  "Content-Type: text/plain; charset=utf-8\r\n"
        .ascii  "Connection: close\r\n"
        .ascii  "Content-Length:      "
        .set    head_number_end, . - head
        .ascii  "\r\n\r\n"
        .set    head_size, . - head
        .balign 4
one:    .long   1
greeting:
        .asciz  "hello from windlass"
ready:  .ascii  "listening on port 8080\n"
        .set    ready_size, . - ready
request:
        .ascii  "GET / HTTP/1.0\r\n\r\n"
        .set    request_size, . - request
image_end:

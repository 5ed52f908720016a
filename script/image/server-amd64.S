# A static HTTP server for x86-64 Linux, small enough to read at one sitting: the program of the demo image.
#
#   /server                 answers every request on port 8080 with the text of $MESSAGE and a newline
#   /server --file PATH     … with what PATH holds now (64 KiB at most); with $MESSAGE while it cannot be read
#   /server --check         asks 127.0.0.1:8080 once; exits 0 if it answers, 1 if not (the image's health command)
#
# One connection at a time. A client that says nothing, or that does not read, is dropped after two seconds.
# SIGTERM and SIGINT end it at once with 0: a process 1 without a handler would not even notice them.
#
# No libc and no linker output: the ELF header is written by hand and the buffers lie on the stack, so the file
# is this text and nothing else. server-arm64.S is its twin, label by label. build.py turns both into .bin files.

        .intel_syntax noprefix
        .text

        .set    BASE, 0x400000                  # where it is loaded
        .set    PORT, 8080
        .set    LIMIT, 65536                    # bytes read of a request, and of a file

        .set    SYS_read, 0
        .set    SYS_write, 1
        .set    SYS_open, 2
        .set    SYS_close, 3
        .set    SYS_rt_sigaction, 13
        .set    SYS_socket, 41
        .set    SYS_connect, 42
        .set    SYS_accept, 43
        .set    SYS_sendto, 44
        .set    SYS_recvfrom, 45
        .set    SYS_shutdown, 48
        .set    SYS_bind, 49
        .set    SYS_listen, 50
        .set    SYS_setsockopt, 54
        .set    SYS_exit_group, 231

        .set    AF_INET, 2
        .set    SOCK_STREAM, 1
        .set    SOL_SOCKET, 1
        .set    SO_REUSEADDR, 2
        .set    SO_RCVTIMEO, 20
        .set    SO_SNDTIMEO, 21
        .set    SHUT_WR, 1
        .set    MSG_NOSIGNAL, 0x4000            # a client that went away is no reason to die of SIGPIPE
        .set    SIGINT, 2
        .set    SIGTERM, 15
        .set    SA_RESTORER, 0x04000000         # the kernel delivers no signal without one on this machine

# --- the ELF header: one segment to read and run, and a stack that cannot be run -----------------------------------

image:  .ascii  "\x7f" "ELF"
        .byte   2, 1, 1, 0                      # 64 bit, little-endian, version 1, System V
        .zero   8
        .short  2, 62                           # an executable for x86-64
        .long   1
        .quad   BASE + start - image
        .quad   segments - image
        .quad   0                               # no section headers
        .long   0
        .short  64, 56, 2, 0, 0, 0              # sizes of this header and of a segment's; two segments; no sections
segments:
        .long   1, 5                            # PT_LOAD, read and execute
        .quad   0, BASE, BASE
        .quad   image_end - image, image_end - image
        .quad   4096
        .long   0x6474e551, 6                   # PT_GNU_STACK, read and write
        .quad   0, 0, 0, 0, 0, 16

# --- what it was asked to do ----------------------------------------------------------------------------------------
# The stack at the start: argc, argv…, 0, environment…, 0.     r13 = message, r14 = path of the file or 0

start:  mov     eax, [rsp]
        lea     rbx, [rsp + rax*8 + 16]
        lea     r13, [rip + greeting]
variables:
        mov     rax, [rbx]
        add     rbx, 8
        test    rax, rax
        jz      arguments
        mov     rcx, [rax]
        cmp     rcx, [rip + variable]
        jne     variables
        lea     r13, [rax + 8]
        jmp     variables

arguments:
        xor     r14d, r14d
        cmp     dword ptr [rsp], 2
        jb      serve
        mov     rax, [rsp + 16]
        mov     rcx, [rax]
        cmp     rcx, [rip + flag_check]
        je      check
        cmp     ecx, [rip + flag_file]
        jne     fail
        mov     ecx, [rax + 3]                  # its last letters and the zero: seven bytes in two bites
        cmp     ecx, [rip + flag_file + 3]
        jne     fail
        mov     r14, [rsp + 24]

# --- the server -------------------------------------------------------------------------------- ebx = listening socket

serve:  mov     edi, SIGTERM
        call    end_at
        mov     edi, SIGINT
        call    end_at

        call    tcp
        mov     ebx, eax
        mov     edi, ebx
        mov     esi, SOL_SOCKET
        mov     edx, SO_REUSEADDR
        lea     r10, [rip + one]
        mov     r8d, 4
        mov     eax, SYS_setsockopt
        syscall
        mov     edi, ebx
        lea     rsi, [rip + everywhere]
        mov     edx, 16
        mov     eax, SYS_bind
        syscall
        test    eax, eax
        jnz     fail
        mov     edi, ebx
        mov     esi, 128
        mov     eax, SYS_listen
        syscall
        mov     edi, 1
        lea     rsi, [rip + ready]
        mov     edx, offset ready_size
        mov     eax, SYS_write
        syscall
        sub     rsp, LIMIT + 256                # the answer: head, then body; the request before it

# ------------------------------------------------------------------------------- ebp = connection, r12 = body in the answer

next:   mov     edi, ebx
        xor     esi, esi
        xor     edx, edx
        mov     eax, SYS_accept
        syscall
        test    eax, eax
        js      next
        mov     ebp, eax
        call    patience
        call    receive
        test    rax, rax
        jle     done                            # silent for two seconds, or gone

        lea     rsi, [rip + head]
        mov     rdi, rsp
        mov     ecx, offset head_size
        rep movsb
        mov     r12, rdi
        test    r14, r14
        jz      text
        mov     rdi, r14
        xor     esi, esi
        mov     eax, SYS_open
        syscall
        test    eax, eax
        js      text
        mov     edi, eax
        mov     rsi, r12
        mov     edx, LIMIT
        xor     eax, eax                        # SYS_read
        syscall
        mov     r15, rax
        mov     eax, SYS_close                  # rdi is still the file
        syscall
        test    r15, r15
        jns     answer

text:   mov     rsi, r13
        mov     rdi, r12
        mov     ecx, LIMIT - 1
letter: lodsb
        test    al, al
        jz      newline
        stosb
        loop    letter
newline:
        mov     al, '\n'
        stosb
        mov     r15, rdi
        sub     r15, r12

answer: mov     eax, r15d                       # the length in decimals, from the right, over the blanks in the head
        mov     ecx, 10
        lea     rdi, [rsp + head_number_end]
digit:  xor     edx, edx
        div     ecx
        add     dl, '0'
        dec     rdi
        mov     [rdi], dl
        test    eax, eax
        jnz     digit

        mov     edi, ebp
        mov     rsi, rsp
        lea     rdx, [r15 + head_size]
        call    send
        mov     edi, ebp
        mov     esi, SHUT_WR
        mov     eax, SYS_shutdown
        syscall
        call    receive                         # closing on unread bytes would reset what was just sent
done:   mov     edi, ebp
        mov     eax, SYS_close
        syscall
        jmp     next

# --- the health command ---------------------------------------------------------------------------------------------

check:  call    tcp
        mov     ebp, eax
        call    patience
        mov     edi, ebp
        lea     rsi, [rip + here]
        mov     edx, 16
        mov     eax, SYS_connect
        syscall
        test    eax, eax
        jnz     fail
        mov     edi, ebp
        lea     rsi, [rip + request]
        mov     edx, offset request_size
        call    send
        sub     rsp, LIMIT
        call    receive
        mov     rcx, [rsp]
        cmp     rcx, [rip + head]               # "HTTP/1.1"
        jne     fail
end:    xor     edi, edi
exit:   mov     eax, SYS_exit_group
        syscall
fail:   mov     edi, 1
        jmp     exit

# --- pieces ---------------------------------------------------------------------------------------------------------

end_at: lea     rsi, [rip + action]             # edi = signal
        xor     edx, edx
        mov     r10d, 8
        mov     eax, SYS_rt_sigaction
        syscall
        ret

tcp:    mov     edi, AF_INET                    # eax = a new socket
        mov     esi, SOCK_STREAM
        xor     edx, edx
        mov     eax, SYS_socket
        syscall
        ret

patience:                                       # two seconds for each read and each write on ebp
        mov     edi, ebp
        mov     esi, SOL_SOCKET
        mov     edx, SO_RCVTIMEO
        lea     r10, [rip + two_seconds]
        mov     r8d, 16
        mov     eax, SYS_setsockopt
        syscall
        mov     edx, SO_SNDTIMEO
        mov     eax, SYS_setsockopt
        syscall
        ret

receive:                                        # from ebp to the caller's top of the stack; rax = bytes
        mov     edi, ebp
        lea     rsi, [rsp + 8]
        mov     edx, LIMIT
        xor     r10d, r10d
        xor     r8d, r8d
        xor     r9d, r9d
        mov     eax, SYS_recvfrom
        syscall
        ret

send:   mov     r10d, MSG_NOSIGNAL              # rdx bytes at rsi to edi
        xor     r8d, r8d
        xor     r9d, r9d
        mov     eax, SYS_sendto
        syscall
        ret

# --- constants ------------------------------------------------------------------------------------------------------

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
one:    .long   1
variable:
        .ascii  "MESSAGE="
flag_check:
        .asciz  "--check"
flag_file:
        .asciz  "--file"
greeting:
        .asciz  "hello from windlass"
ready:  .ascii  "listening on port 8080\n"
        .set    ready_size, . - ready
request:
        .ascii  "GET / HTTP/1.0\r\n\r\n"
        .set    request_size, . - request
head:   .ascii  "HTTP/1.1 200 OK\r\n"
        .ascii  "Content-Type: text/plain; charset=utf-8\r\n"
        .ascii  "Connection: close\r\n"
        .ascii  "Content-Length:      "
        .set    head_number_end, . - head
        .ascii  "\r\n\r\n"
        .set    head_size, . - head
image_end:

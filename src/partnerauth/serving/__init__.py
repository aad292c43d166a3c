"""What puts rooms on the network: TLS, local certificates, and the server of the emulator."""

"""What a token lets one ask: APIs as tables of operations, spoken by client and emulator alike."""

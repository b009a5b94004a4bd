"""Plumbline's hub: the outermost ring (application, commands, wiring) and the innermost (domain rules, errors)."""

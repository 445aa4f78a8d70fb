"""``fusionbench text parts``."""

from __future__ import annotations

import click

from fusionbench.cli.options import plugin_option

_FLAGS = {
    "describer": "--describe",
    "captioner": "--caption",
    "dense_captioner": "--dense",
    "segmenter": "--segment",
    "writer": "--write",
    "text_encoder": "--encoder",
}


@click.command()
@plugin_option
@click.option("--options", "with_options", is_flag=True, help="With all options and their defaults.")
def command(plugins: tuple[str, ...], with_options: bool) -> None:
    """List all parts a chain can be made of: captioners, segmenters, writers, encoders, of all plugins."""
    from fusionbench.plugins import current_plugins

    found = current_plugins()
    specs = [*found.registry("captioners").values(), *found.registry("text_encoders").values()]
    for spec in sorted(specs, key=lambda spec: (list(_FLAGS).index(spec.kind), spec.name)):
        click.echo(f"{_FLAGS[spec.kind]:<11} {spec.name:<13} {spec.summary}")
        if with_options:
            for name, option in spec.options.items():
                choices = f" ({', '.join(map(str, option.choices))})" if option.choices else ""
                click.echo(f"{'':<25} {name}={option.default}  {option.help}{choices}")

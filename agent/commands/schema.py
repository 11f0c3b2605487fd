"""`tram schema`: the JSON Schema of the station file."""

import json

import click


@click.command()
def schema() -> None:
    """Print the JSON Schema of the station file, for editors and programs.

    Example: tram schema > station.schema.json

    An editor with TOML support (taplo) completes keys and marks mistakes when the first line of the
    station file is: #:schema ./station.schema.json
    """
    from agent.station import drivers
    from config import schema as station_file
    from drivers.line import LineSettings

    click.echo(json.dumps(station_file.schema(drivers(), LineSettings), ensure_ascii=False, indent=2))

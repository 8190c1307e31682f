"""Starts the processes that count weather reports."""

import asyncio
import logging
import signal

from streams.main import begin, run


def worker() -> None:
    """Run a weather worker (Kafka to Redis) until it is told to stop or cannot go on."""
    from streams.weather.settings import WeatherWorkerSettings

    settings = begin("weather-worker", WeatherWorkerSettings)
    from streams.weather.worker import WeatherWorker

    run(WeatherWorker(settings).app)


def consumer() -> None:
    """Run a weather consumer (RabbitMQ to Valkey) until it is told to stop."""
    from streams.weather.settings import WeatherConsumerSettings

    settings = begin("weather-consumer", WeatherConsumerSettings)
    # Our own events say when RabbitMQ is lost, and why; theirs are tracebacks.
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)
    from streams.weather.consumer import Consumer
    from streams.weather.web import Web

    async def work() -> None:
        consuming = Consumer(settings)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, consuming.stop)
        web = Web(settings.worker_host, settings.worker_port, consuming.state)
        await web.start()
        try:
            await consuming.run()
        finally:
            await web.stop()

    asyncio.run(work())

"""The second stream: weather reports, counted by place and weather.

What a report is (``report``) and what many of them come to; pure, as ``olympics`` is.
"""

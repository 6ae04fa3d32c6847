	{disp32} jg window+0x1000
